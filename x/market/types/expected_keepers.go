package types

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// ComputeKeeper is what x/market needs of x/compute.
type ComputeKeeper interface {
	Node(ctx context.Context, addr sdk.AccAddress) (computetypes.Node, error)
	// Reservation is a promise of a node, and whether there is one.
	Reservation(ctx context.Context, node sdk.AccAddress, promise string) (computetypes.Reservation, bool, error)
	// SetReservation replaces a promise; one of nothing ends it.
	SetReservation(ctx context.Context, node sdk.AccAddress, r computetypes.Reservation) error
	// Seize pays up to amount of the stake behind a promise to somebody, and returns what it paid.
	Seize(ctx context.Context, node sdk.AccAddress, promise string, amount math.Int, to sdk.AccAddress, reason string) (math.Int, error)
	Jail(ctx context.Context, addr sdk.AccAddress, until int64, reason string) error
	// SubmitJobFor submits a job that the deal's payer pays for, and gets the refunds of.
	SubmitJobFor(ctx context.Context, m *computetypes.MsgSubmitJob, deal computetypes.Deal) (*computetypes.MsgSubmitJobResponse, error)
	// NetworkClock counts what ends by itself: block time less standstills.
	NetworkClock(ctx context.Context) (computetypes.Clock, error)
}

// BankKeeper is what x/market needs of x/bank.
type BankKeeper interface {
	GetBalance(ctx context.Context, addr sdk.AccAddress, denom string) sdk.Coin
	SendCoins(ctx context.Context, from, to sdk.AccAddress, amt sdk.Coins) error
	SendCoinsFromAccountToModule(ctx context.Context, from sdk.AccAddress, module string, amt sdk.Coins) error
}

// AccountKeeper is what x/market needs of x/auth.
type AccountKeeper interface {
	GetAccount(ctx context.Context, addr sdk.AccAddress) sdk.AccountI
	RemoveAccount(ctx context.Context, account sdk.AccountI)
}

// CommunityPool takes what belongs to nobody.
type CommunityPool interface {
	FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error
}
