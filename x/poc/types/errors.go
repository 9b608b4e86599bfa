package types

import errorsmod "cosmossdk.io/errors"

// Sentinel errors. Numbers are never reused; 1 is reserved by the SDK.
var (
	ErrInvalidParams  = errorsmod.Register(ModuleName, 2, "invalid parameters")
	ErrInvalidGenesis = errorsmod.Register(ModuleName, 3, "invalid genesis")
	ErrInvalidKey     = errorsmod.Register(ModuleName, 4, "invalid beacon key")
	ErrKeyTaken       = errorsmod.Register(ModuleName, 5, "beacon key is registered already")
	ErrNotValidator   = errorsmod.Register(ModuleName, 6, "not a validator")
	ErrNotFound       = errorsmod.Register(ModuleName, 7, "not found")
	ErrContribution   = errorsmod.Register(ModuleName, 8, "wrong beacon contribution")
	ErrWindow         = errorsmod.Register(ModuleName, 9, "not the time for it")
	ErrInvalidCommit  = errorsmod.Register(ModuleName, 10, "invalid commitment")
	ErrInvalidProof   = errorsmod.Register(ModuleName, 11, "invalid proof")
	ErrNotDrawn       = errorsmod.Register(ModuleName, 12, "not drawn")
	ErrInvalidNode    = errorsmod.Register(ModuleName, 13, "node cannot prove")
	ErrNoRewards      = errorsmod.Register(ModuleName, 14, "nothing to claim")
	ErrProber         = errorsmod.Register(ModuleName, 15, "not this validator's prober")
	ErrEpoch          = errorsmod.Register(ModuleName, 16, "not an epoch in which to report")
	ErrInvalidReport  = errorsmod.Register(ModuleName, 17, "invalid report of probes")
)
