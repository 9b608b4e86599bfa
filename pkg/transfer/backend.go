package transfer

import (
	"context"
	"io"

	"github.com/edgematrix/emc/pkg/job"
)

// PubKey is a compressed secp256k1 public key: 33 bytes.
type PubKey [33]byte

// Phase is how far the worker has come with a job.
type Phase string

// The phases of a job on a worker, in their order; a job may be closed from every phase.
const (
	PhaseNew      Phase = "new"      // known from the chain, no specification yet
	PhaseInputs   Phase = "inputs"   // the specification is here, inputs are being uploaded
	PhaseReady    Phase = "ready"    // everything is here and verified
	PhaseRunning  Phase = "running"  // the job runs
	PhaseFinished Phase = "finished" // the result is here
	PhaseWiped    Phase = "wiped"    // the result is here, the outputs have been wiped
	PhaseClosed   Phase = "closed"   // ended without a result; Message says why
)

// Status is the answer to a status request.
type Status struct {
	Phase    Phase  `json:"phase"`
	Message  string `json:"message,omitempty"` // plain words, may be empty
	LogBytes int64  `json:"log_bytes"`         // length of the log so far
}

// Want is a blob that the worker still needs: an input, or the app's artifact.
type Want struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`   // −1 when the worker does not know it (an artifact)
	Offset int64  `json:"offset"` // how many of its bytes the worker already has
}

// Backend is what a Server serves: the worker's store of jobs. Methods are called concurrently. Except for Authorize,
// they are called only with a job id that Authorize accepted for the caller's key, syntactically valid. An error that is
// not an *Error is logged and answered as CodeInternal without its words.
type Backend interface {
	// Authorize says whether the holder of key may speak about the job. It is called first for every request, for
	// strangers too: it must be cheap, allocate nothing that lasts, and answer CodeUnknown or CodeForbidden.
	Authorize(ctx context.Context, jobID string, key PubKey) error
	// Offer checks a specification against the digests on the chain, stores it, and says which blobs are wanted. It is
	// idempotent: an interrupted upload starts again here. The recipient, an age X25519 public key, is whom the job's log and
	// outputs are to be encrypted to when the job has ended; it is empty for a client that cannot decrypt.
	Offer(ctx context.Context, jobID string, spec []byte, salt job.Salt, recipient string) ([]Want, error)
	// Put starts to receive a blob of size bytes at offset. A later Put of the same blob takes over from an earlier one.
	Put(ctx context.Context, jobID, sha256 string, size, offset int64) (BlobWriter, error)
	// Status says how far the job is.
	Status(ctx context.Context, jobID string) (Status, error)
	// Log opens the log at offset. With follow, Read waits for more until the log is complete; without, it ends where
	// the log ends now. Read returns io.EOF at the end. Cancelling ctx ends a waiting Read. A log that has been encrypted is
	// answered with CodeSealed.
	Log(ctx context.Context, jobID string, offset int64, follow bool) (LogReader, error)
	// Result returns the canonical result bytes and the salt.
	Result(ctx context.Context, jobID string) ([]byte, job.Salt, error)
	// SealedLog opens the encrypted log at an offset of its age file.
	SealedLog(ctx context.Context, jobID string, offset int64) (Blob, error)
	// Get opens an output, named by the digest of its plaintext, at an offset of what is kept of it.
	Get(ctx context.Context, jobID, sha256 string, offset int64) (Blob, error)
}

// Blob is what a worker hands out of a file: it yields Size − offset bytes.
type Blob struct {
	io.ReadCloser
	Size   int64 // of the whole, as it is kept
	Sealed bool  // it is an age file to the job's recipient
}

// BlobWriter receives the bytes of one blob.
type BlobWriter interface {
	io.Writer
	// Commit is called after the last byte: it verifies the digest and makes the blob last. On CodeMismatch the bytes
	// are gone.
	Commit() error
	// Close keeps what has been written so far, for a later Put at that offset. It follows Commit, too.
	Close() error
}

// LogReader reads a log.
type LogReader interface {
	io.ReadCloser
	// Complete says, after io.EOF, whether nothing will ever be added to what was read.
	Complete() bool
}
