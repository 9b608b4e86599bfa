package transfer

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/cosmos/cosmos-sdk/types/bech32"
)

// When a job has ended, its worker encrypts log and outputs to the customer, as age files, and deletes the plaintext. The
// identity that decrypts them follows from the job's access key: one secret is kept and handed on, not two.

// identityTag keeps the derived key apart from whatever else may once be derived from an access key. With another tag,
// nobody could read what workers keep today.
const identityTag = "emc/job/1 age X25519"

// agePrefix is how every age file begins.
const agePrefix = "age-encryption.org/v1\n"

// An age file to one X25519 recipient is larger than its plaintext by a header of some 200 bytes, and 16 bytes for each
// chunk of 64 KiB.
const (
	ageHeaderMost = 1 << 10
	ageChunk      = 64 << 10
	ageTag        = 16
)

// SealedMost is the most that an age file of n bytes of plaintext takes.
func SealedMost(n int64) int64 { return n + ageHeaderMost + (n/ageChunk+1)*ageTag }

// Identity is the age identity of the job that an access key is for.
func Identity(accessKey []byte) (*age.X25519Identity, error) {
	secret, err := hkdf.Key(sha256.New, accessKey, nil, identityTag, 32)
	if err != nil {
		return nil, err
	}
	// age takes keys in its text form only.
	text, err := bech32.ConvertAndEncode("age-secret-key-", secret)
	if err != nil {
		return nil, err
	}
	return age.ParseX25519Identity(strings.ToUpper(text))
}

// identityOf derives from the key that the host speaks with.
func identityOf(h host.Host) (*age.X25519Identity, error) {
	key := h.Peerstore().PrivKey(h.ID())
	if key == nil {
		return nil, errors.New("the host does not have its own key")
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, err
	}
	return Identity(raw)
}

func (c *Client) recipient() string {
	if c.identity == nil {
		return ""
	}
	return c.identity.Recipient().String()
}

func checkRecipient(s string) error {
	if s == "" {
		return nil
	}
	if _, err := age.ParseX25519Recipient(s); err != nil {
		return fmt.Errorf("the recipient of the outputs: %w", err)
	}
	return nil
}

// unseal opens an age file. Its reader yields nothing that has not been authenticated.
func (c *Client) unseal(r io.Reader) (io.Reader, error) {
	if c.identity == nil {
		return nil, errors.New("no key of this client was given to the worker")
	}
	return age.Decrypt(r, c.identity)
}

// sealedLog takes what is missing of a log from its age file. The file is read from its start, since only there is its
// key, but not twice: within a call, a cut costs what did not arrive.
func (c *Client) sealedLog(ctx context.Context, end *LogEnd, w io.Writer) error {
	pouring, stop := context.WithCancel(ctx)
	defer stop()
	r, in := io.Pipe()
	poured := make(chan error, 1)
	go func() {
		err := c.pour(pouring, request{Verb: verbSealed}, in)
		_ = in.CloseWithError(err) // nil is the end of the file
		poured <- err
	}()
	err := c.logFrom(r, end, w)
	if err != nil {
		stop()
	}
	_ = r.CloseWithError(errStopped)
	cut := <-poured
	switch {
	case err == nil:
		end.Complete = true
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, new(localError)), cut == nil, errors.Is(cut, errStopped), errors.Is(cut, context.Canceled):
		return err
	default:
		return cut // the bytes did not come: what the decryption says of that is of no use
	}
}

var errStopped = errors.New("nobody reads on")

// logFrom writes the plaintext from where the log was left.
func (c *Client) logFrom(r io.Reader, end *LogEnd, w io.Writer) error {
	plain, err := c.unseal(r)
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, end.Offset)
	}
	if err == nil {
		_, err = io.Copy(local{w, "the log", &end.Offset}, plain)
	}
	switch {
	case err == nil, errors.Is(err, io.EOF): // EOF: an earlier run had written more
		return nil
	case errors.As(err, new(localError)):
		return err
	default:
		return Errorf(CodeMismatch, "the log cannot be decrypted with this job's key: %v", err)
	}
}

// pour writes a whole blob to w, and resumes after a cut.
func (c *Client) pour(ctx context.Context, req request, w io.Writer) error {
	size := int64(-1)
	return c.retry(ctx, func(moved func()) error {
		if req.Offset == size {
			return nil
		}
		return c.exchange(ctx, req, func(cn conn) error {
			a, err := cn.answer()
			if err != nil {
				return err
			}
			if size >= 0 && a.Size != size || a.Size < req.Offset {
				return Errorf(CodeMismatch, "the worker's file had %d bytes, and has %d now", max(size, req.Offset), a.Size)
			}
			size = a.Size
			return cn.receive(io.MultiWriter(local{w, "the log", &req.Offset}, movedWriter(moved)), size-req.Offset)
		})
	})
}

// local marks what cannot be written on this side, and counts what was.
type local struct {
	io.Writer
	what string
	n    *int64
}

func (l local) Write(p []byte) (int, error) {
	n, err := l.Writer.Write(p)
	*l.n += int64(n)
	if err != nil {
		err = localError{fmt.Errorf("%s cannot be written: %w", l.what, err)}
	}
	return n, err
}
