package types

import errorsmod "cosmossdk.io/errors"

// Sentinel errors. Numbers are never reused; 1 is reserved by the SDK.
var (
	ErrInvalidAmount    = errorsmod.Register(ModuleName, 2, "invalid amount")
	ErrInvalidNode      = errorsmod.Register(ModuleName, 3, "invalid node")
	ErrInvalidApp       = errorsmod.Register(ModuleName, 4, "invalid app")
	ErrInvalidJob       = errorsmod.Register(ModuleName, 5, "invalid job")
	ErrInvalidParams    = errorsmod.Register(ModuleName, 6, "invalid parameters")
	ErrInvalidKey       = errorsmod.Register(ModuleName, 7, "invalid node key")
	ErrNodeExists       = errorsmod.Register(ModuleName, 8, "node is registered already")
	ErrNodeNotFound     = errorsmod.Register(ModuleName, 9, "node not found")
	ErrNotOperator      = errorsmod.Register(ModuleName, 10, "not the node's operator")
	ErrAppExists        = errorsmod.Register(ModuleName, 11, "app is registered already")
	ErrAppNotFound      = errorsmod.Register(ModuleName, 12, "app not found")
	ErrNotOwner         = errorsmod.Register(ModuleName, 13, "not the app's owner")
	ErrJobNotFound      = errorsmod.Register(ModuleName, 14, "job not found")
	ErrNotCustomer      = errorsmod.Register(ModuleName, 15, "not the job's customer")
	ErrWrongNode        = errorsmod.Register(ModuleName, 16, "the job is not on this node")
	ErrWrongStatus      = errorsmod.Register(ModuleName, 17, "the job's status does not allow this")
	ErrNoNodeFits       = errorsmod.Register(ModuleName, 18, "no node fits")
	ErrReserved         = errorsmod.Register(ModuleName, 19, "promised already")
	ErrLivePromises     = errorsmod.Register(ModuleName, 20, "the node has work that is not finished")
	ErrStakeTooSmall    = errorsmod.Register(ModuleName, 21, "stake is too small")
	ErrTooManyEntries   = errorsmod.Register(ModuleName, 22, "too many entries")
	ErrNotJailed        = errorsmod.Register(ModuleName, 23, "the node is not jailed")
	ErrStillJailed      = errorsmod.Register(ModuleName, 24, "the node is still jailed")
	ErrRetiring         = errorsmod.Register(ModuleName, 25, "the node is retiring")
	ErrReservationKnown = errorsmod.Register(ModuleName, 26, "reservation exists already")
	ErrInvalidAuthority = errorsmod.Register(ModuleName, 27, "not the module's authority")
)
