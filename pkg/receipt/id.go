package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	sdkbech32 "github.com/cosmos/cosmos-sdk/types/bech32"

	"github.com/edgematrix/emc/pkg/bech32"
)

const sessionTag = "emc/market/session/1"

// SessionID names a session: 16 bytes, 32 lower-case hex characters in text.
type SessionID [16]byte

// NewSessionID is the id of the session that its owner opens with a sequence number of the chain:
// H(tag ‖ u8 length of the owner's address ‖ address ‖ u64 sequence), the first 16 bytes. The address has at most 255
// bytes, as every one on the chain.
func NewSessionID(owner []byte, sequence uint64) SessionID {
	b := append([]byte(sessionTag), byte(len(owner)))
	b = binary.BigEndian.AppendUint64(append(b, owner...), sequence)
	sum := sha256.Sum256(b)
	return SessionID(sum[:16])
}

// ParseSessionID reads 32 lower-case hex characters, or fails with ErrText.
func ParseSessionID(s string) (SessionID, error) {
	var id SessionID
	return id, parseHex("session id", id[:], s)
}

// String returns 32 lower-case hex characters.
func (id SessionID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id SessionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *SessionID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseSessionID(string(text))
	return err
}

// Address is the address of a node or a router: 20 bytes, in text bech32 with the prefix "emc". The zero address means
// that there is none, and is the empty text.
type Address [20]byte

// ParseAddress reads bech32 in lower case, or nothing for the zero address; it fails with ErrText.
func ParseAddress(s string) (Address, error) {
	if s == "" {
		return Address{}, nil
	}
	prefix, b, err := sdkbech32.DecodeAndConvert(s)
	if err != nil {
		return Address{}, fmt.Errorf("%w: address %q: %w", ErrText, clip(s), err)
	}
	var a Address
	if prefix != bech32.Account || len(b) != len(a) {
		return Address{}, fmt.Errorf("%w: address %q: expected prefix %q and %d bytes, got %q and %d: name the node's or the router's own address",
			ErrText, clip(s), bech32.Account, len(a), clip(prefix), len(b))
	}
	copy(a[:], b)
	if a.String() != s { // upper case, or the zero address spelt out
		return Address{}, fmt.Errorf("%w: address %q: expected the spelling %q", ErrText, clip(s), a)
	}
	return a, nil
}

// IsZero says whether there is no address.
func (a Address) IsZero() bool { return a == Address{} }

// String returns bech32, or nothing for the zero address.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	s, err := sdkbech32.ConvertAndEncode(bech32.Account, a[:])
	if err != nil { // 20 bytes always convert
		return hex.EncodeToString(a[:])
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}

// parseHex fills out from as many lower-case hex characters, the only spelling; out is unchanged when it fails.
func parseHex(what string, out []byte, s string) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(out) || hex.EncodeToString(b) != s {
		return fmt.Errorf("%w: %s %q: expected %d lower-case hex characters", ErrText, what, clip(s), 2*len(out))
	}
	copy(out, b)
	return nil
}
