package types

import errorsmod "cosmossdk.io/errors"

// Sentinel errors. Numbers are never reused; 1 is reserved by the SDK.
var (
	ErrInvalidParams    = errorsmod.Register(ModuleName, 2, "invalid parameters")
	ErrInvalidAuthority = errorsmod.Register(ModuleName, 3, "not the module's authority")
	ErrInvalidSession   = errorsmod.Register(ModuleName, 4, "invalid session")
	ErrInvalidAmount    = errorsmod.Register(ModuleName, 5, "invalid amount")
	ErrInvalidKey       = errorsmod.Register(ModuleName, 6, "invalid key")
	ErrInvalidRouter    = errorsmod.Register(ModuleName, 7, "invalid router")
	ErrInvalidVoucher   = errorsmod.Register(ModuleName, 8, "invalid voucher")
	ErrInvalidReceipt   = errorsmod.Register(ModuleName, 9, "invalid receipt")
	ErrSessionNotFound  = errorsmod.Register(ModuleName, 10, "session not found")
	ErrNotOwner         = errorsmod.Register(ModuleName, 11, "not the session's owner")
	ErrWrongStatus      = errorsmod.Register(ModuleName, 12, "the session's status does not allow this")
	ErrTooMany          = errorsmod.Register(ModuleName, 13, "too many")
	ErrNotFree          = errorsmod.Register(ModuleName, 14, "more than is free")
	ErrSignature        = errorsmod.Register(ModuleName, 15, "wrong signature")
	ErrStale            = errorsmod.Register(ModuleName, 16, "settled already")
	ErrNothingLeft      = errorsmod.Register(ModuleName, 17, "nothing left to pay from")
	ErrCoverNotFound    = errorsmod.Register(ModuleName, 18, "no cover")
	ErrNotOperator      = errorsmod.Register(ModuleName, 19, "not the router's operator")
	ErrRecorded         = errorsmod.Register(ModuleName, 20, "recorded already")
	ErrNotSettled       = errorsmod.Register(ModuleName, 21, "not settled")
	ErrInvalidGenesis   = errorsmod.Register(ModuleName, 22, "invalid genesis")
	ErrOtherNode        = errorsmod.Register(ModuleName, 23, "the session is for another node")
	ErrFunded           = errorsmod.Register(ModuleName, 24, "the session's money and time are its funder's")
)
