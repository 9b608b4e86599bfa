package types

import errorsmod "cosmossdk.io/errors"

// Sentinel errors. Numbers are never reused; 1 is reserved by the SDK.
var (
	ErrInvalidParams    = errorsmod.Register(ModuleName, 2, "invalid parameters")
	ErrInvalidAuthority = errorsmod.Register(ModuleName, 3, "not the module's authority")
	ErrInvalidSocket    = errorsmod.Register(ModuleName, 4, "invalid socket")
	ErrInvalidAmount    = errorsmod.Register(ModuleName, 5, "invalid amount")
	ErrInvalidAddress   = errorsmod.Register(ModuleName, 6, "invalid address")
	ErrSocketNotFound   = errorsmod.Register(ModuleName, 7, "socket not found")
	ErrNotHolder        = errorsmod.Register(ModuleName, 8, "not the socket's holder")
	ErrNotOperator      = errorsmod.Register(ModuleName, 9, "not the node's operator")
	ErrWrongStatus      = errorsmod.Register(ModuleName, 10, "the socket's status does not allow this")
	ErrNotListed        = errorsmod.Register(ModuleName, 11, "the socket is not for sale")
	ErrPrice            = errorsmod.Register(ModuleName, 12, "the price is above the maximum")
	ErrOwnListing       = errorsmod.Register(ModuleName, 13, "it is the buyer's own")
	ErrExpired          = errorsmod.Register(ModuleName, 14, "the socket has expired")
	ErrNode             = errorsmod.Register(ModuleName, 15, "the node cannot deliver")
	ErrNotSettled       = errorsmod.Register(ModuleName, 16, "its session is not settled yet")
	ErrInvalidGenesis   = errorsmod.Register(ModuleName, 17, "invalid genesis")
)
