package job

import (
	"fmt"
)

// ResultVersion is the one version of Result that this package reads and writes.
const ResultVersion = 1

// Bounds on a result.
const (
	MaxResultBytes  = 8 << 20
	MaxMessageBytes = 4 << 10
	MaxReasonBytes  = 32
)

// Why a run ended. Workers may name further reasons of at most MaxReasonBytes lower-case letters and underscores.
const (
	ReasonExited   = "exited"   // the app ended by itself, see ExitCode
	ReasonDeadline = "deadline" // it ran longer than agreed
	ReasonMemory   = "memory"   // it asked for more memory than agreed
	ReasonOutput   = "output"   // it wrote more bytes or files than agreed
	ReasonKilled   = "killed"   // it was cancelled
	ReasonInternal = "internal" // the worker failed
)

// Result is what a worker answers for a job. ResultDigest of its bytes, salted, stands in the receipt on the chain.
type Result struct {
	Version  int    `json:"version"`
	ChainID  string `json:"chain_id"`
	JobID    string `json:"job_id"`
	Reason   string `json:"reason"`
	ExitCode int64  `json:"exit_code"`
	Message  string `json:"message"` // plain words for the customer
	Outputs  []File `json:"outputs"` // sorted by path
	// LogSize is the length of the log as kept, in bytes, and LogSHA256 its hex SHA-256.
	LogSize   int64  `json:"log_size"`
	LogSHA256 string `json:"log_sha256"`
	// WallMillis and CPUMillis are the time of the run in milliseconds.
	WallMillis      int64 `json:"wall_millis"`
	CPUMillis       int64 `json:"cpu_millis"`
	PeakMemoryBytes int64 `json:"peak_memory_bytes"`
}

// Validate checks every field.
func (r Result) Validate() error {
	if r.Version != ResultVersion {
		return fmt.Errorf("version %d: expected %d", r.Version, ResultVersion)
	}
	if err := checkChainID(r.ChainID); err != nil {
		return err
	}
	if err := CheckID(r.JobID); err != nil {
		return err
	}
	if err := checkReason(r.Reason); err != nil {
		return err
	}
	if err := checkText("message", r.Message, MaxMessageBytes); err != nil {
		return err
	}
	if _, err := ValidateFiles(r.Outputs, MaxOutputFiles); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	if _, err := ParseDigest(r.LogSHA256); err != nil {
		return fmt.Errorf("log_sha256: %w", err)
	}
	if r.ExitCode < -MaxInt || r.ExitCode > MaxInt {
		return fmt.Errorf("exit_code %d: out of range", r.ExitCode)
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"log_size", r.LogSize}, {"wall_millis", r.WallMillis},
		{"cpu_millis", r.CPUMillis}, {"peak_memory_bytes", r.PeakMemoryBytes},
	} {
		if n.value < 0 || n.value > MaxInt {
			return fmt.Errorf("%s %d: expected 0 to %d", n.name, n.value, int64(MaxInt))
		}
	}
	return nil
}

// OutputBytes is the size of all outputs together; the result must be valid.
func (r Result) OutputBytes() int64 {
	var total int64
	for _, f := range r.Outputs {
		total += f.Size
	}
	return total
}

// MarshalResult validates and returns the canonical bytes, at most MaxResultBytes.
func MarshalResult(r Result) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("job result: %w", err)
	}
	r.Outputs = orEmpty(r.Outputs)
	data, err := marshal(r)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxResultBytes {
		return nil, fmt.Errorf("job result: %d bytes, the most is %d", len(data), MaxResultBytes)
	}
	return data, nil
}

// UnmarshalResult reads canonical bytes and validates.
func UnmarshalResult(data []byte) (Result, error) {
	var r Result
	if err := unmarshal("job result", data, MaxResultBytes, &r); err != nil {
		return Result{}, err
	}
	canonical, err := MarshalResult(r)
	if err != nil {
		return Result{}, err
	}
	return r, checkCanonical("job result", data, canonical)
}

func checkReason(reason string) error {
	if reason == "" || len(reason) > MaxReasonBytes {
		return fmt.Errorf("reason %q: expected 1 to %d characters", clip(reason), MaxReasonBytes)
	}
	for i := range len(reason) {
		if c := reason[i]; (c < 'a' || c > 'z') && c != '_' {
			return fmt.Errorf("reason %q: expected lower-case letters and underscores", clip(reason))
		}
	}
	return nil
}
