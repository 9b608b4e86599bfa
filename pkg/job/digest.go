package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Each hashed format has its own tag, so that bytes of one kind can never stand for bytes of another.
const (
	specTag   = "emc/job/spec/1"
	inputsTag = "emc/job/inputs/1"
	resultTag = "emc/job/result/1"
)

// Digest is a SHA-256 digest: 32 bytes, written as 64 lower-case hex characters in text and JSON.
type Digest [sha256.Size]byte

// String returns the digest as 64 lower-case hex characters.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Bytes returns a copy of the 32 bytes.
func (d Digest) Bytes() []byte { return append([]byte(nil), d[:]...) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// ParseDigest reads 64 lower-case hex characters.
func ParseDigest(s string) (Digest, error) {
	b, err := parseHex32(s)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", clip(s), err)
	}
	return b, nil
}

// DigestFromBytes takes exactly 32 bytes.
func DigestFromBytes(b []byte) (Digest, error) {
	if len(b) != sha256.Size {
		return Digest{}, fmt.Errorf("a digest has %d bytes, got %d", sha256.Size, len(b))
	}
	return Digest(b), nil
}

// Salt is 32 random bytes which keep a digest on the chain from being guessed.
type Salt [32]byte

// NewSalt draws a salt from random, which is crypto/rand.Reader outside of tests.
func NewSalt(random io.Reader) (Salt, error) {
	var s Salt
	if _, err := io.ReadFull(random, s[:]); err != nil {
		return Salt{}, fmt.Errorf("no randomness for a salt: %w", err)
	}
	return s, nil
}

// String returns the salt as 64 lower-case hex characters.
func (s Salt) String() string { return hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s Salt) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Salt) UnmarshalText(text []byte) error {
	parsed, err := ParseSalt(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// ParseSalt reads 64 lower-case hex characters.
func ParseSalt(s string) (Salt, error) {
	b, err := parseHex32(s)
	if err != nil {
		return Salt{}, fmt.Errorf("salt: %w", err)
	}
	return b, nil
}

// SpecDigest is what stands on the chain for a specification: H(tag ‖ salt ‖ canonical bytes).
func SpecDigest(salt Salt, spec []byte) Digest { return tagged(specTag, salt[:], spec) }

// InputsDigest is what stands on the chain for the inputs: H(tag ‖ salt ‖ canonical manifest). The files must be valid
// and sorted by path.
func InputsDigest(salt Salt, files []File) (Digest, error) {
	manifest, err := MarshalManifest(files)
	if err != nil {
		return Digest{}, err
	}
	return tagged(inputsTag, salt[:], manifest), nil
}

// ResultDigest is the digest of a result's canonical bytes: H(tag ‖ bytes). It goes to the chain only salted.
func ResultDigest(result []byte) Digest { return tagged(resultTag, result) }

// Salted is H(digest ‖ salt): what the receipt on the chain carries for a result. The salt goes to the customer with
// the output.
func Salted(digest Digest, salt Salt) Digest {
	return sha256.Sum256(append(digest.Bytes(), salt[:]...))
}

// LogDigest is the plain SHA-256 of a log as the worker kept it (after truncation to the log limit).
func LogDigest(log io.Reader) (Digest, error) {
	h := sha256.New()
	if _, err := io.Copy(h, log); err != nil {
		return Digest{}, err
	}
	return Digest(h.Sum(nil)), nil
}

// ErrDigest says that bytes are not those that a digest on the chain names.
var ErrDigest = errors.New("digest mismatch")

// VerifySpec checks a specification that came from elsewhere against the two digests on the chain and returns it.
func VerifySpec(spec []byte, salt Salt, specDigest, inputsDigest Digest) (Spec, error) {
	if got := SpecDigest(salt, spec); got != specDigest {
		return Spec{}, fmt.Errorf("%w: the specification should have the salted digest %s, got %s", ErrDigest, specDigest, got)
	}
	s, err := UnmarshalSpec(spec)
	if err != nil {
		return Spec{}, err
	}
	got, err := InputsDigest(salt, s.Inputs)
	if err != nil {
		return Spec{}, err
	}
	if got != inputsDigest {
		return Spec{}, fmt.Errorf("%w: the list of inputs should have the salted digest %s, got %s", ErrDigest, inputsDigest, got)
	}
	return s, nil
}

// VerifyResult checks a result's canonical bytes and salt against the digest in the receipt and returns the result.
func VerifyResult(result []byte, salt Salt, onChain Digest) (Result, error) {
	if got := Salted(ResultDigest(result), salt); got != onChain {
		return Result{}, fmt.Errorf("%w: the receipt on the chain names the result %s, got %s", ErrDigest, onChain, got)
	}
	return UnmarshalResult(result)
}

func tagged(tag string, parts ...[]byte) Digest {
	h := sha256.New()
	h.Write([]byte(tag))
	for _, p := range parts {
		h.Write(p)
	}
	return Digest(h.Sum(nil))
}

func parseHex32(s string) ([32]byte, error) {
	var out [32]byte
	if !isLowerHex(s) || len(s) != 64 {
		return out, errors.New("expected 64 lower-case hex characters")
	}
	_, err := hex.Decode(out[:], []byte(s))
	return out, err
}
