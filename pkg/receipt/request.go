package receipt

import (
	"encoding/binary"
	"fmt"
)

// Sizes of a request in bytes. Only the app's name varies.
const (
	MinAppBytes     = 2
	MaxAppBytes     = 64
	requestFixed    = 16 + 4 + 20 + 20 + 8 + 32 + 8 + 8 + 1
	MinRequestBytes = requestFixed + MinAppBytes + SignatureSize
	MaxRequestBytes = requestFixed + MaxAppBytes + SignatureSize
)

// Request is a customer's order for one call. It authorises one receipt of at most MaxPrice in its lane, whatever the
// answer is worth to him.
type Request struct {
	Lane
	KeyID     uint32    `json:"key_id"`    // which of the session's keys signs, from 1
	Nonce     uint64    `json:"nonce"`     // never used twice in a lane
	Digest    Digest    `json:"digest"`    // RequestDigest of the body
	MaxPrice  uint64    `json:"max_price"` // uemc
	IssuedMs  uint64    `json:"issued_ms"` // ms since 1970
	App       string    `json:"app"`       // the app's id in the chain's registry
	Signature Signature `json:"signature"` // the session key's
}

// Validate checks the form of every field, but neither signature nor age: ErrLane, ErrKeyID, ErrNumber, ErrApp.
func (r Request) Validate() error {
	if err := r.Lane.Validate(); err != nil {
		return err
	}
	if err := checkKeyID(r.KeyID); err != nil {
		return err
	}
	if err := checkNumbers(number{"max_price", r.MaxPrice}, number{"issued_ms", r.IssuedMs}); err != nil {
		return err
	}
	return CheckApp(r.App)
}

// CheckApp refuses a name that no app of the chain's registry can have ([a-z][a-z0-9._-]{1,63}) with ErrApp.
func CheckApp(name string) error {
	if len(name) < MinAppBytes || len(name) > MaxAppBytes || name[0] < 'a' || name[0] > 'z' {
		return fmt.Errorf("%w: %q: expected %d to %d characters that begin with a letter from a to z", ErrApp, clip(name), MinAppBytes, MaxAppBytes)
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("%w: %q: expected a to z, 0 to 9, dots, underscores and hyphens", ErrApp, clip(name))
		}
	}
	return nil
}

func checkKeyID(id uint32) error {
	if id == 0 {
		return fmt.Errorf("%w: 0: look up the session's key_id on the chain", ErrKeyID)
	}
	return nil
}

// AppendBinary appends body ‖ signature, MinRequestBytes to MaxRequestBytes. It fails as Validate does.
func (r Request) AppendBinary(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return append(r.appendBody(b), r.Signature[:]...), nil
}

// MarshalBinary is AppendBinary to nothing.
func (r Request) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// UnmarshalRequest reads the one encoding of a request. It fails with ErrLength or as Validate does.
func UnmarshalRequest(data []byte) (Request, error) {
	in := reader{data: data}
	r := readRequest(&in)
	if err := in.end("request"); err != nil {
		return Request{}, err
	}
	if err := r.Validate(); err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	return r, nil
}

// RequestSignBytes are the bytes that the session key signs: "emc/request/1" ‖ H(chain id) ‖ body. It fails as Validate
// does: a name of 256 bytes would have no length.
func RequestSignBytes(chainID string, r Request) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return r.appendBody(signPrefix(requestTag, chainID)), nil
}

// Sign returns the request with the session key's signature. It fails as Validate does, or with ErrSigner.
func (r Request) Sign(chainID string, session Signer) (Request, error) {
	b, err := RequestSignBytes(chainID, r)
	if err != nil {
		return Request{}, err
	}
	r.Signature, err = sign(session, b)
	return r, err
}

// Verify checks form and signature; it fails as Validate does, or with ErrSessionSignature. That sessionKey is the
// session's key number KeyID, that the nonce is new and the request fresh, only the caller can know.
func (r Request) Verify(chainID string, sessionKey PublicKey) error {
	b, err := RequestSignBytes(chainID, r)
	if err != nil {
		return err
	}
	if !sessionKey.Verify(b, r.Signature) {
		return fmt.Errorf("request: %w: session %s, key id %d, chain %q: sign with the session's present key", ErrSessionSignature, r.Session, r.KeyID, clip(chainID))
	}
	return nil
}

func (r Request) appendBody(b []byte) []byte {
	b = append(b, r.Session[:]...)
	b = binary.BigEndian.AppendUint32(b, r.KeyID)
	b = append(b, r.Router[:]...)
	b = append(b, r.Node[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Nonce)
	b = append(b, r.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, r.MaxPrice)
	b = binary.BigEndian.AppendUint64(b, r.IssuedMs)
	b = append(b, byte(len(r.App)))
	return append(b, r.App...)
}

func readRequest(in *reader) (r Request) {
	r.Session = SessionID(in.take(16))
	r.KeyID = in.u32()
	r.Router = Address(in.take(20))
	r.Node = Address(in.take(20))
	r.Nonce = in.u64()
	r.Digest = Digest(in.take(32))
	r.MaxPrice = in.u64()
	r.IssuedMs = in.u64()
	r.App = string(in.take(int(in.u8())))
	r.Signature = Signature(in.take(SignatureSize))
	return r
}
