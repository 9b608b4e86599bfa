package receipt

import (
	"crypto/sha256"
	"hash"

	"github.com/edgematrix/emc/pkg/job"
)

// Each hashed format has its own tag, so that bytes of one kind can never stand for bytes of another.
const (
	callTag     = "emc/call/1"
	responseTag = "emc/response/1"
)

// Digest is a SHA-256 digest: 32 bytes, 64 lower-case hex characters in text.
type Digest = job.Digest

// Salt is 32 random bytes which keep a digest from being guessed; draw it with job.NewSalt.
type Salt = job.Salt

// RequestDigest is what a request names its call by: H(tag ‖ body), over the bytes that the customer sends to the app.
func RequestDigest(body []byte) Digest {
	return sha256.Sum256(append([]byte(callTag), body...))
}

// ResponseDigest is what a receipt names the answer by: H(H(tag ‖ response) ‖ salt). The salt goes to the customer alone,
// with the response: a short answer could be found by trying.
func ResponseDigest(response []byte, salt Salt) Digest {
	h := NewResponseHash()
	_, _ = h.Write(response) // a hash takes every byte
	return h.Digest(salt)
}

// ResponseHash is ResponseDigest for an answer that comes in pieces. How it is cut changes nothing.
type ResponseHash struct{ h hash.Hash }

// NewResponseHash begins with an empty answer.
func NewResponseHash() ResponseHash {
	h := sha256.New()
	h.Write([]byte(responseTag))
	return ResponseHash{h}
}

// Write adds a piece; it never fails.
func (r ResponseHash) Write(p []byte) (int, error) { return r.h.Write(p) }

// Digest is the digest of all pieces so far.
func (r ResponseHash) Digest(salt Salt) Digest { return job.Salted(Digest(r.h.Sum(nil)), salt) }
