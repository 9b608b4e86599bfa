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
)
