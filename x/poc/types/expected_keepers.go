package types

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// StakingKeeper is what x/poc needs of x/staking.
type StakingKeeper interface {
	GetValidator(ctx context.Context, addr sdk.ValAddress) (stakingtypes.Validator, error)
	GetValidatorByConsAddr(ctx context.Context, addr sdk.ConsAddress) (stakingtypes.Validator, error)
	GetBondedValidatorsByPower(ctx context.Context) ([]stakingtypes.Validator, error)
}

// ComputeKeeper is what x/poc needs of x/compute.
type ComputeKeeper interface {
	Node(ctx context.Context, addr sdk.AccAddress) (computetypes.Node, error)
	// SetPower writes a node's market power, in micro-E.
	SetPower(ctx context.Context, addr sdk.AccAddress, power uint64) error
	// AtRisk is what Slash could burn: the stake, and what unbonds.
	AtRisk(ctx context.Context, addr sdk.AccAddress) (math.Int, error)
	Slash(ctx context.Context, addr sdk.AccAddress, amount math.Int, reason string, evidence []byte) (math.Int, error)
	Jail(ctx context.Context, addr sdk.AccAddress, until int64, reason string) error
	// NodesAfter lists nodes by address, those after one of them (nil: from the first), at most limit.
	NodesAfter(ctx context.Context, after sdk.AccAddress, limit int) ([]sdk.AccAddress, error)
	// Reports tells whether a node says that it is there.
	Reports(ctx context.Context, node computetypes.Node) (bool, error)
	// SetUnreachable takes a node offline that does not answer probes, with a mark in its reputation, or ends that.
	SetUnreachable(ctx context.Context, addr sdk.AccAddress, unreachable bool) error
	// Now is the network's clock, in Unix seconds: block time less standstills.
	Now(ctx context.Context) (int64, error)
}

// BankKeeper is what x/poc needs of x/bank.
type BankKeeper interface {
	GetBalance(ctx context.Context, addr sdk.AccAddress, denom string) sdk.Coin
	MintCoins(ctx context.Context, module string, amt sdk.Coins) error
	SendCoinsFromModuleToAccount(ctx context.Context, module string, recipient sdk.AccAddress, amt sdk.Coins) error
	SendCoinsFromModuleToModule(ctx context.Context, sender, recipient string, amt sdk.Coins) error
}

// AccountKeeper is what x/poc needs of x/auth.
type AccountKeeper interface {
	GetModuleAddress(name string) sdk.AccAddress
}
