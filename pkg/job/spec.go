package job

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// SpecVersion is the one version of Spec that this package reads and writes.
const SpecVersion = 1

// Bounds on a specification.
const (
	MaxSpecBytes   = 64 << 10
	MaxChainID     = 64
	MaxAppID       = 128
	MaxArgs        = 256
	MaxArgBytes    = 8 << 10
	MaxEnv         = 128
	MaxEnvBytes    = 8 << 10
	MaxSeconds     = 30 * 24 * 3600
	MinMemoryBytes = 1 << 20
	MaxMemoryBytes = 1 << 42 // 4 TiB
	MaxOutputBytes = 1 << 40
	MaxOutputFiles = 4096
	MaxLogBytes    = 1 << 30
)

// Limits are the bounds of one run, in bytes and in number of files. They are part of the specification: what a job may
// use on the worker is agreed before it starts.
type Limits struct {
	MemoryBytes int64 `json:"memory_bytes"`
	OutputBytes int64 `json:"output_bytes"`
	OutputFiles int64 `json:"output_files"`
	LogBytes    int64 `json:"log_bytes"`
}

// Spec says what a job runs. It never stands on the chain; SpecDigest of its bytes does.
type Spec struct {
	Version   int      `json:"version"`
	ChainID   string   `json:"chain_id"`
	App       string   `json:"app"`        // id in the app registry
	AppDigest string   `json:"app_digest"` // hex SHA-256 of the artifact
	Args      []string `json:"args"`
	Env       []string `json:"env"`    // KEY=VALUE, sorted by key
	Inputs    []File   `json:"inputs"` // sorted by path
	Limits    Limits   `json:"limits"`
	// MaxSeconds is the longest time that the job may run, in seconds.
	MaxSeconds int64 `json:"max_seconds"`
	// Egress asks for a way to the internet. Left out when false, as in every specification made before it existed.
	Egress bool `json:"egress,omitempty"`
}

// DefaultLimits suit small jobs: 512 MiB of memory, 256 MiB and 256 files of output, 4 MiB of log.
func DefaultLimits() Limits {
	return Limits{MemoryBytes: 512 << 20, OutputBytes: 256 << 20, OutputFiles: 256, LogBytes: 4 << 20}
}

// Validate checks that every limit is within its bounds.
func (l Limits) Validate() error {
	for _, b := range []struct {
		name             string
		value, low, high int64
	}{
		{"memory_bytes", l.MemoryBytes, MinMemoryBytes, MaxMemoryBytes},
		{"output_bytes", l.OutputBytes, 1, MaxOutputBytes},
		{"output_files", l.OutputFiles, 1, MaxOutputFiles},
		{"log_bytes", l.LogBytes, 1, MaxLogBytes},
	} {
		if b.value < b.low || b.value > b.high {
			return fmt.Errorf("limit %s = %d: expected %d to %d", b.name, b.value, b.low, b.high)
		}
	}
	return nil
}

// Validate checks every field. A valid specification may still be too long for MaxSpecBytes; MarshalSpec says so.
func (s Spec) Validate() error {
	if s.Version != SpecVersion {
		return fmt.Errorf("version %d: expected %d", s.Version, SpecVersion)
	}
	if err := checkChainID(s.ChainID); err != nil {
		return err
	}
	if err := checkWord("app", s.App, MaxAppID); err != nil {
		return err
	}
	if _, err := ParseDigest(s.AppDigest); err != nil {
		return fmt.Errorf("app_digest: %w", err)
	}
	if len(s.Args) > MaxArgs {
		return fmt.Errorf("%d arguments: the most is %d", len(s.Args), MaxArgs)
	}
	for i, a := range s.Args {
		if err := checkText(fmt.Sprintf("argument %d", i), a, MaxArgBytes); err != nil {
			return err
		}
	}
	if err := checkEnv(s.Env); err != nil {
		return err
	}
	if _, err := ValidateFiles(s.Inputs, MaxInputs); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if err := s.Limits.Validate(); err != nil {
		return err
	}
	if s.MaxSeconds < 1 || s.MaxSeconds > MaxSeconds {
		return fmt.Errorf("max_seconds %d: expected 1 to %d", s.MaxSeconds, MaxSeconds)
	}
	return nil
}

// InputBytes is the size of all inputs together; the specification must be valid.
func (s Spec) InputBytes() int64 {
	var total int64
	for _, f := range s.Inputs {
		total += f.Size
	}
	return total
}

// MarshalSpec validates and returns the canonical bytes, at most MaxSpecBytes.
func MarshalSpec(s Spec) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("job specification: %w", err)
	}
	s.Args, s.Env, s.Inputs = orEmpty(s.Args), orEmpty(s.Env), orEmpty(s.Inputs)
	data, err := marshal(s)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSpecBytes {
		return nil, fmt.Errorf("job specification: %d bytes, the most is %d: move long arguments into an input file, or pack many inputs into one", len(data), MaxSpecBytes)
	}
	return data, nil
}

// UnmarshalSpec reads canonical bytes and validates.
func UnmarshalSpec(data []byte) (Spec, error) {
	var s Spec
	if err := unmarshal("job specification", data, MaxSpecBytes, &s); err != nil {
		return Spec{}, err
	}
	canonical, err := MarshalSpec(s)
	if err != nil {
		return Spec{}, err
	}
	return s, checkCanonical("job specification", data, canonical)
}

func checkEnv(env []string) error {
	if len(env) > MaxEnv {
		return fmt.Errorf("%d environment variables: the most is %d", len(env), MaxEnv)
	}
	last := ""
	for i, kv := range env {
		if err := checkText(fmt.Sprintf("environment variable %d", i), kv, MaxEnvBytes); err != nil {
			return err
		}
		key, _, ok := strings.Cut(kv, "=")
		if !ok || key == "" {
			return fmt.Errorf("environment variable %q: expected KEY=VALUE", clip(kv))
		}
		if key <= last {
			return fmt.Errorf("environment variable %q: variables must be sorted by key, each key once", clip(key))
		}
		last = key
	}
	return nil
}

// SortEnv sorts KEY=VALUE strings by key, as the canonical form demands.
func SortEnv(env []string) {
	sort.Slice(env, func(i, j int) bool {
		a, _, _ := strings.Cut(env[i], "=")
		b, _, _ := strings.Cut(env[j], "=")
		return a < b
	})
}

func checkChainID(id string) error { return checkWord("chain_id", id, MaxChainID) }

func checkWord(what, s string, most int) error {
	if s == "" || len(s) > most {
		return fmt.Errorf("%s %q: expected 1 to %d characters", what, clip(s), most)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return fmt.Errorf("%s %q: expected printable ASCII without spaces, quotes and backslashes", what, clip(s))
		}
	}
	return nil
}

func checkText(what, s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("%s: %d bytes, the most is %d", what, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: not valid UTF-8", what)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%s: a NUL byte is refused", what)
	}
	return nil
}
