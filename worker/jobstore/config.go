package jobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// ErrUnknownJob is what a Lookup returns for a job that the chain does not have, or has not given to this worker.
var ErrUnknownJob = errors.New("no such job on this worker")

// ChainJob is what the chain says about a job and the store needs. It is kept with the job, so that logs and outputs
// stay readable after the job is gone from the chain.
type ChainJob struct {
	AccessKey    transfer.PubKey `json:"access_key"`
	SpecDigest   job.Digest      `json:"spec_digest"`   // salted
	InputsDigest job.Digest      `json:"inputs_digest"` // salted
	Runtime      string          `json:"runtime,omitempty"`
	App          string          `json:"app"`
	AppDigest    job.Digest      `json:"app_digest"`          // plain SHA-256 of the artifact, or of the image's manifest
	AppImage     string          `json:"app_image,omitempty"` // repository from which the runtime pulls the app; no artifact is stored then
	MaxSeconds   int64           `json:"max_seconds"`         // the longest run that the customer pays for
	MemoryBytes  int64           `json:"memory_bytes"`
	Egress       bool            `json:"egress,omitempty"` // the customer asked for a way to the internet
}

// Lookup asks the chain for a job that is assigned to this worker now, or fails with ErrUnknownJob.
type Lookup func(ctx context.Context, jobID string) (ChainJob, error)

// Config is what a store needs. DefaultConfig fills in all but Dir, ChainID and Lookup.
type Config struct {
	Dir     string
	ChainID string
	Lookup  Lookup
	// CheckSpec may refuse a specification that this worker cannot serve, in words for the customer. It may be nil.
	CheckSpec func(spec job.Spec) error

	MaxBytes     int64 // for all jobs together, by declared size
	MaxJobBytes  int64 // for one job: inputs, outputs and log, by declared size
	MaxJobs      int   // jobs that have not ended yet
	MaxAppBytes  int64 // for one artifact
	AppsBytes    int64 // for all artifacts together
	MinFreeBytes int64 // left alone on the disk

	RetainOutputs  time.Duration // outputs, from the end of the run, while the customer has not accepted them
	RetainAccepted time.Duration // outputs, from their acceptance
	RetainLogs     time.Duration // log and result, from the end of the job

	Now    func() time.Time
	Random io.Reader
	Logger *slog.Logger
}

// DefaultConfig suits a worker with some 50 GiB to spare.
func DefaultConfig(dir, chainID string, lookup Lookup) Config {
	return Config{
		Dir: dir, ChainID: chainID, Lookup: lookup,
		MaxBytes: 32 << 30, MaxJobBytes: 8 << 30, MaxJobs: 1000,
		MaxAppBytes: 1 << 30, AppsBytes: 8 << 30, MinFreeBytes: 256 << 20,
		RetainOutputs: 7 * 24 * time.Hour, RetainAccepted: time.Hour, RetainLogs: 30 * 24 * time.Hour,
		Now: time.Now, Random: rand.Reader, Logger: slog.Default(),
	}
}

// Validate says what is missing or out of bounds.
func (c Config) Validate() error {
	switch {
	case c.Dir == "", c.ChainID == "", c.Lookup == nil:
		return errors.New("job store: directory, chain id and lookup are needed")
	case c.MaxBytes <= 0, c.MaxJobBytes <= 0, c.MaxJobs <= 0, c.MaxAppBytes <= 0, c.AppsBytes <= 0, c.MinFreeBytes < 0:
		return errors.New("job store: every size limit must be positive")
	case c.MaxJobBytes > c.MaxBytes, c.MaxAppBytes > c.AppsBytes:
		return errors.New("job store: the limit of one job or app is above the limit of all")
	case c.RetainOutputs < 0, c.RetainAccepted < 0, c.RetainLogs < 0:
		return errors.New("job store: a retention is negative")
	case c.Now == nil, c.Random == nil, c.Logger == nil:
		return errors.New("job store: clock, randomness and logger are needed")
	}
	return nil
}
