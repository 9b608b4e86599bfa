// Package ante holds the checks that a transaction passes before its messages run.
package ante

import (
	"context"
	"errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	txsigning "github.com/cosmos/cosmos-sdk/x/tx/signing"

	ibcante "github.com/cosmos/ibc-go/v11/modules/core/ante"
	ibckeeper "github.com/cosmos/ibc-go/v11/modules/core/keeper"
)

// BankKeeper is what the checks need of x/bank.
type BankKeeper interface {
	authtypes.BankKeeper
	SendCoinsFromAccountToModuleVirtual(ctx context.Context, sender sdk.AccAddress, module string, amount sdk.Coins) error
}

// Options are the keepers that the checks use, all required.
type Options struct {
	Accounts  ante.AccountKeeper
	Bank      BankKeeper
	FeeGrants ante.FeegrantKeeper
	IBC       *ibckeeper.Keeper
	SignModes *txsigning.HandlerMap
	Pool      Pool
	Proofs    ProofChecker
	// FeesAtOnce credits the fee collector in every transaction. Only the
	// simulator needs it: it delivers transactions after the end of the block
	// that they belong to, when the block's fees have been credited already.
	FeesAtOnce bool
}

// New returns the chain's ante handler. It errors when a keeper is missing.
func New(o Options) (sdk.AnteHandler, error) {
	if o.Accounts == nil || o.Bank == nil || o.FeeGrants == nil || o.IBC == nil || o.SignModes == nil || o.Pool == nil || o.Proofs == nil {
		return nil, errors.New("ante: every keeper is required")
	}
	var bank authtypes.BankKeeper = virtualFees{o.Bank}
	if o.FeesAtOnce {
		bank = o.Bank
	}
	return sdk.ChainAnteDecorators(
		ante.NewSetUpContextDecorator(), // first: it owns the gas meter and recovers from running out of gas
		poolDecorator{o.Pool},           // before everything that takes time, or moves a sequence
		ante.NewExtensionOptionsDecorator(nil),
		ante.NewValidateBasicDecorator(),
		ante.NewTxTimeoutHeightDecorator(),
		ante.NewValidateMemoDecorator(o.Accounts),
		ante.NewConsumeGasForTxSizeDecorator(o.Accounts),
		ante.NewDeductFeeDecorator(o.Accounts, bank, o.FeeGrants, nil),
		ante.NewSetPubKeyDecorator(o.Accounts), // before every check of a signature
		ante.NewValidateSigCountDecorator(o.Accounts),
		ante.NewSigGasConsumeDecorator(o.Accounts, ante.DefaultSigVerificationGasConsumer),
		ante.NewSigVerificationDecorator(o.Accounts, o.SignModes),
		proofDecorator{o.Proofs}, // after the signatures: nobody asks in another's name
		ante.NewIncrementSequenceDecorator(o.Accounts),
		ibcante.NewRedundantRelayDecorator(o.IBC), // a relayer pays nothing for a packet that another delivered first
	), nil
}

// virtualFees credits fees to the fee collector once a block instead of once a
// transaction: the collector would otherwise be written by every transaction,
// and parallel execution would run them one after the other.
type virtualFees struct{ BankKeeper }

func (v virtualFees) SendCoinsFromAccountToModule(ctx context.Context, sender sdk.AccAddress, module string, amount sdk.Coins) error {
	return v.SendCoinsFromAccountToModuleVirtual(ctx, sender, module, amount)
}
