package runtime

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrInvalid is wrapped by every error of Validate.
var ErrInvalid = errors.New("invalid task")

// Bounds on what a task may carry. They keep a hostile task from making the
// worker's own bookkeeping large.
const (
	MaxIDBytes      = 256
	MaxArgs         = 1024
	MaxEnv          = 256
	MaxArgBytes     = 32 << 10  // one argument or variable
	MaxArgsBytes    = 128 << 10 // all arguments and variables together
	MaxInputs       = 10_000
	MaxPathBytes    = 1024
	MaxNameBytes    = 255 // one element of a path, as most file systems have it
	MaxPathElements = 32
	MaxCPUs         = 1024
)

// Validate says whether a task keeps the rules that every runtime relies on.
// It does not touch the file system. Its error wraps ErrInvalid.
func Validate(t Task) error {
	checks := []func(Task) error{validateID, validateHostPaths, validateArgs, validateEnv, validateInputs, validateLimits}
	for _, check := range checks {
		if err := check(t); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

// ValidateService is Validate for a task that a Server runs: it may do without a
// limit on its duration.
func ValidateService(t Task) error {
	if t.Limits.Duration == 0 {
		t.Limits.Duration = 1
	}
	return Validate(t)
}

// ValidatePath says whether p can name a file inside /in or /out: relative,
// slash-separated, valid UTF-8 without control characters, without empty, "."
// or ".." elements, and of bounded length and depth.
func ValidatePath(p string) error {
	switch {
	case p == "":
		return errors.New("a path is empty; give each file a relative path such as data/a.txt")
	case len(p) > MaxPathBytes:
		return fmt.Errorf("path %.40q… has %d bytes, at most %d are allowed", p, len(p), MaxPathBytes)
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("path %q is absolute; make it relative, such as data/a.txt", p)
	case p == "." || !fs.ValidPath(p):
		return fmt.Errorf("path %q is not a clean relative path; leave out empty, \".\" and \"..\" elements and a trailing slash", p)
	case strings.ContainsFunc(p, unicode.IsControl):
		return fmt.Errorf("path %q holds a control character; rename the file", p)
	}
	elements := strings.Split(p, "/")
	if len(elements) > MaxPathElements {
		return fmt.Errorf("path %.40q… is %d directories deep, at most %d are allowed", p, len(elements), MaxPathElements)
	}
	for _, e := range elements {
		if len(e) > MaxNameBytes {
			return fmt.Errorf("name %.40q… has %d bytes, at most %d are allowed", e, len(e), MaxNameBytes)
		}
	}
	return nil
}

func validateID(t Task) error {
	if t.ID == "" {
		return errors.New("the task has no id")
	}
	if len(t.ID) > MaxIDBytes || !utf8.ValidString(t.ID) || strings.ContainsFunc(t.ID, unicode.IsControl) {
		return fmt.Errorf("task id %.40q is not plain text of at most %d bytes", t.ID, MaxIDBytes)
	}
	return nil
}

func validateHostPaths(t Task) error {
	if t.Image == "" && !hostPath(t.Artifact) {
		return fmt.Errorf("the artifact's path %q is not absolute", t.Artifact)
	}
	if t.Image != "" && t.Artifact != "" {
		return errors.New("the task has an artifact and an image; it needs one of them")
	}
	if !hexDigest(t.ArtifactSHA256) {
		return fmt.Errorf("the artifact's digest %.80q is not 64 lower-case hex digits", t.ArtifactSHA256)
	}
	if !hostPath(t.OutputDir) || filepath.Clean(t.OutputDir) == "/" {
		return fmt.Errorf("the output directory %q is not an absolute path", t.OutputDir)
	}
	return nil
}

func validateArgs(t Task) error {
	if len(t.Args) > MaxArgs {
		return fmt.Errorf("%d arguments, at most %d are allowed", len(t.Args), MaxArgs)
	}
	total := 0
	for i, a := range t.Args {
		if len(a) > MaxArgBytes {
			return fmt.Errorf("argument %d has %d bytes, at most %d are allowed; pass it as an input file", i+1, len(a), MaxArgBytes)
		}
		if strings.ContainsRune(a, 0) || !utf8.ValidString(a) {
			return fmt.Errorf("argument %d is not UTF-8 text without NUL; pass binary data as an input file", i+1)
		}
		total += len(a)
	}
	for _, e := range t.Env {
		total += len(e)
	}
	if total > MaxArgsBytes {
		return fmt.Errorf("arguments and environment have %d bytes together, at most %d are allowed; pass long ones as input files", total, MaxArgsBytes)
	}
	return nil
}

func validateEnv(t Task) error {
	if len(t.Env) > MaxEnv {
		return fmt.Errorf("%d environment variables, at most %d are allowed", len(t.Env), MaxEnv)
	}
	seen := make(map[string]bool, len(t.Env))
	for _, e := range t.Env {
		key, _, ok := strings.Cut(e, "=")
		switch {
		case !ok || key == "":
			return fmt.Errorf("environment variable %.40q is not KEY=VALUE", e)
		case len(e) > MaxArgBytes:
			return fmt.Errorf("environment variable %.40q has %d bytes, at most %d are allowed", key, len(e), MaxArgBytes)
		case strings.ContainsRune(e, 0) || !utf8.ValidString(e):
			return fmt.Errorf("environment variable %.40q is not UTF-8 text without NUL", key)
		case seen[key]:
			return fmt.Errorf("environment variable %.40q is given twice", key)
		}
		seen[key] = true
	}
	return nil
}

func validateInputs(t Task) error {
	if len(t.Inputs) > MaxInputs {
		return fmt.Errorf("%d inputs, at most %d are allowed; pack them into one file", len(t.Inputs), MaxInputs)
	}
	files := make(map[string]bool, len(t.Inputs))
	for _, f := range t.Inputs {
		if err := ValidatePath(f.Path); err != nil {
			return fmt.Errorf("input: %w", err)
		}
		switch {
		case files[f.Path]:
			return fmt.Errorf("input %q is given twice", f.Path)
		case !hostPath(f.Host):
			return fmt.Errorf("input %q: its host path %q is not absolute", f.Path, f.Host)
		case f.Size < 0:
			return fmt.Errorf("input %q: its size %d is negative", f.Path, f.Size)
		case !hexDigest(f.SHA256):
			return fmt.Errorf("input %q: its digest %.80q is not 64 lower-case hex digits", f.Path, f.SHA256)
		}
		files[f.Path] = true
	}
	for _, f := range t.Inputs {
		for i := strings.LastIndexByte(f.Path, '/'); i > 0; i = strings.LastIndexByte(f.Path[:i], '/') {
			if files[f.Path[:i]] {
				return fmt.Errorf("input %q lies inside %q, which is itself a file; rename one of them", f.Path, f.Path[:i])
			}
		}
	}
	return nil
}

func validateLimits(t Task) error {
	l := t.Limits
	for _, bound := range []struct {
		name  string
		value int64
	}{
		{"duration", int64(l.Duration)},
		{"memory", l.MemoryBytes},
		{"output bytes", l.OutputBytes},
		{"output files", int64(l.OutputFiles)},
		{"log bytes", l.LogBytes},
	} {
		if bound.value <= 0 {
			return fmt.Errorf("the %s limit is %d; set every limit above zero", bound.name, bound.value)
		}
	}
	if !(l.CPUs >= 0 && l.CPUs <= MaxCPUs) { // false for NaN too
		return fmt.Errorf("the processor limit is %v; give a number up to %d, or 0 for one processor", l.CPUs, MaxCPUs)
	}
	return nil
}

func hostPath(p string) bool {
	return filepath.IsAbs(p) && !strings.ContainsRune(p, 0) && utf8.ValidString(p)
}

func hexDigest(s string) bool {
	if len(s) != 64 || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}
