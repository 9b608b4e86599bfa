package types

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/purse"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// ComputeKeeper is what x/socket needs of x/compute.
type ComputeKeeper interface {
	Node(ctx context.Context, addr sdk.AccAddress) (computetypes.Node, error)
	App(ctx context.Context, id string) (computetypes.App, error)
	// Reservation is a promise of a node, and whether there is one.
	Reservation(ctx context.Context, node sdk.AccAddress, promise string) (computetypes.Reservation, bool, error)
	// SetReservation replaces a promise; one of nothing ends it.
	SetReservation(ctx context.Context, node sdk.AccAddress, r computetypes.Reservation) error
	// Outage is for how many seconds in all a node could not deliver, as the chain saw it.
	Outage(ctx context.Context, node sdk.AccAddress) (uint64, error)
	// NetworkClock counts what ends by itself: block time less standstills.
	NetworkClock(ctx context.Context) (computetypes.Clock, error)
}

// MarketKeeper is what x/socket needs of x/market.
type MarketKeeper interface {
	// OpenFunded opens a session that a socket pays for, and returns its id and its expiry in block time.
	OpenFunded(ctx context.Context, f markettypes.Funding, m *markettypes.MsgOpenSession) (string, int64, error)
	// CloseFor begins to close it; one that closes already is no error.
	CloseFor(ctx context.Context, session, reason string) error
	// MaxSeconds is the longest life of a session.
	MaxSeconds(ctx context.Context) (uint64, error)
	// Session loads a session.
	Session(ctx context.Context, id string) (markettypes.Session, error)
	// NextSequence of an owner's sessions.
	NextSequence(ctx context.Context, owner sdk.AccAddress) (uint64, error)
}

// NFTKeeper is what x/socket needs of x/nft, or of what replaces it one day.
type NFTKeeper interface {
	// Mint makes a token, and its class if there is none yet.
	Mint(ctx context.Context, t Token, owner sdk.AccAddress) error
	Transfer(ctx context.Context, class, id string, to sdk.AccAddress) error
	Burn(ctx context.Context, class, id string) error
	Owner(ctx context.Context, class, id string) sdk.AccAddress
}

// Token is an NFT as this module makes it.
type Token struct {
	Class, Minter string
	ID            string
	Metadata      *Metadata
}

type (
	// BankKeeper moves coins.
	BankKeeper = purse.Bank
	// AccountKeeper tells which addresses have accounts.
	AccountKeeper = purse.Accounts
	// CommunityPool takes fees.
	CommunityPool = purse.Pool
)
