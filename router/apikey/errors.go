package apikey

import "errors"

// Errors of keys.
var (
	// ErrUnknown means a secret or an id that no key has.
	ErrUnknown = errors.New("unknown API key")
	// ErrRevoked means a key that was revoked.
	ErrRevoked = errors.New("the API key was revoked")
	// ErrExpired means a key whose time is over.
	ErrExpired = errors.New("the API key has expired")
	// ErrLimit means an amount for which the key's limit has no room.
	ErrLimit = errors.New("the API key's limit is used up")
	// ErrPerCall means an amount above the most that one call of the key may cost.
	ErrPerCall = errors.New("the call may cost more than the API key allows for one call")
	// ErrTooMany means a session that has as many keys as it may.
	ErrTooMany = errors.New("the session has as many API keys as it may; revoke one")
	// ErrInvalid means a key that cannot be made so.
	ErrInvalid = errors.New("invalid API key")
	// ErrBroken means that the file could not be written: what it has is unknown until it is opened again.
	ErrBroken = errors.New("the file of API keys could not be written; mend the reason and start the router again")
	// ErrClosed means a store that was closed.
	ErrClosed = errors.New("the store of API keys is closed")
)
