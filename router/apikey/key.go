package apikey

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Prefix is how every secret begins, so that scanners for leaked secrets know one.
const Prefix = "sk-emc-"

const (
	secretBytes = 32
	secretChars = 43 // of them, in base64url
	maxName     = 64
	maxSession  = 128
)

// Key is what is known of an API key; its secret is not.
type Key struct {
	ID      string // public
	Session string // that pays
	Name    string // the customer's own word for it

	Limit         uint64 // uemc in all; 0: none
	PerCall       uint64 // uemc, the most that one call may cost; 0: none
	MaxConcurrent uint32 // calls at the same time; 0: as many as the router allows
	Master        bool   // may manage the keys of its session

	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not

	Spent    uint64 // uemc
	Reserved uint64 // uemc, for calls that run
}

// Room is what the key may still spend; without a limit it is the most that there is.
func (k Key) Room() uint64 {
	if k.Limit == 0 {
		return ^uint64(0)
	}
	return k.Limit - min(k.Limit, add(k.Spent, k.Reserved))
}

// usable refuses a key that was revoked or has expired.
func (k Key) usable(now time.Time) error {
	switch {
	case !k.RevokedAt.IsZero():
		return ErrRevoked
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return ErrExpired
	}
	return nil
}

func (k Key) check(now time.Time) error {
	switch {
	case k.Session == "" || len(k.Session) > maxSession:
		return fmt.Errorf("%w: a session is expected", ErrInvalid)
	case len(k.Name) > maxName || !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, unicode.IsControl):
		return fmt.Errorf("%w: the name is at most %d bytes of text", ErrInvalid, maxName)
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return fmt.Errorf("%w: it would have expired already", ErrInvalid)
	}
	return nil
}

// digest is of a secret, or fails with ErrUnknown for what cannot be one.
func digest(secret string) ([sha256.Size]byte, error) {
	body, found := strings.CutPrefix(secret, Prefix)
	if !found || len(body) != secretChars {
		return [sha256.Size]byte{}, ErrUnknown
	}
	// Strict: the last character has two bits to spare, and a secret is written in one way only.
	if _, err := base64.RawURLEncoding.Strict().DecodeString(body); err != nil {
		return [sha256.Size]byte{}, ErrUnknown
	}
	return sha256.Sum256([]byte(secret)), nil
}

// add stops at the most that there is.
func add(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}
