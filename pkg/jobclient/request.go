package jobclient

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// hashingNotice is the amount of bytes to read from which on the customer is told about it.
const hashingNotice = 256 << 20

// Request is what a customer asks for.
type Request struct {
	App    string
	Args   []string // for the app
	Env    []string // KEY=VALUE
	Inputs []Input
	// AppFile is the app's artifact, for workers that lack it; may be empty.
	AppFile string
	Limits  job.Limits
	// Requirements of the node. MemoryBytes 0 takes the memory limit, and for a
	// docker app the output limit too: its /out is in memory.
	Requirements types.Requirements
	// MaxTime is the longest run that is paid for, in whole seconds.
	MaxTime time.Duration
	// MaxPrice in uemc; nil takes the quote of the cheapest node.
	MaxPrice *sdk.Coin
	// Node that the customer wants; empty for any.
	Node string
	// Session that pays for the job; empty for the customer's account.
	Session string
	// OutputDir takes the outputs; empty is ./emc-job-<beginning of the id>.
	OutputDir string
}

// Input is a file of this machine under the name that the app sees it by, in /in.
type Input struct {
	Name string
	File string
}

// ParseInputs reads --input values: FILE, name=FILE, or a directory, whose regular files keep their relative paths.
func ParseInputs(values []string) ([]Input, error) {
	var out []Input
	for _, v := range values {
		name, file, named := strings.Cut(v, "=")
		if _, err := os.Stat(v); err == nil || !named {
			name, file, named = filepath.Base(v), v, false // a file whose own name holds '='
		}
		if named && (name == "" || file == "") {
			return nil, fmt.Errorf("--input %q: expected FILE or name=FILE", v)
		}
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--input %s: no such file", file)
		}
		if err != nil {
			return nil, fmt.Errorf("--input: %w", err)
		}
		if !info.IsDir() {
			out = append(out, Input{Name: name, File: file})
			continue
		}
		prefix := ""
		if named {
			prefix = name + "/"
		}
		below, err := inputsBelow(file, prefix)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

func inputsBelow(dir, prefix string) ([]Input, error) {
	var out []Input
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("--input %s: %s is no regular file", dir, path)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if out = append(out, Input{Name: prefix + filepath.ToSlash(rel), File: path}); len(out) > job.MaxInputs {
			return fmt.Errorf("--input %s: more than %d files; pack them into one", dir, job.MaxInputs)
		}
		return nil
	})
	return out, err
}

// order is a request that has been checked on this machine: what is left depends on the chain.
type order struct {
	Request
	spec     job.Spec // without the app's digest
	files    []LocalFile
	artifact string // digest of AppFile, hex; empty without
	// anyMemory is set when the limits alone say what memory the node must have.
	anyMemory bool
}

// check looks at everything that needs no chain. It writes and sends nothing.
func (r Request) check(chainID string, console *Console) (*order, error) {
	if err := types.ValidateAppID(r.App); err != nil {
		return nil, fmt.Errorf("--app: %w", plain{err})
	}
	if r.MaxTime < time.Second || r.MaxTime%time.Second != 0 {
		return nil, fmt.Errorf("--max-time must be whole seconds and at least 1s, got %s", r.MaxTime)
	}
	anyMemory := r.Requirements.MemoryBytes == 0
	if anyMemory {
		r.Requirements.MemoryBytes = uint64(max(r.Limits.MemoryBytes, 0))
	}
	if err := r.Requirements.Validate(); err != nil {
		return nil, plain{err}
	}
	if r.Node != "" {
		if _, err := sdk.AccAddressFromBech32(r.Node); err != nil {
			return nil, fmt.Errorf("--worker: %w", err)
		}
	}
	if err := checkPrice(r.MaxPrice); err != nil {
		return nil, err
	}
	if err := checkOutputDir(r.OutputDir); err != nil {
		return nil, err
	}
	o := &order{Request: r, anyMemory: anyMemory, spec: job.Spec{
		Version: job.SpecVersion, ChainID: chainID, App: r.App, AppDigest: strings.Repeat("0", 64),
		Args: r.Args, Env: append([]string(nil), r.Env...), Limits: r.Limits, MaxSeconds: int64(r.MaxTime / time.Second),
		Egress: r.Requirements.Egress,
	}}
	job.SortEnv(o.spec.Env)
	if err := o.readFiles(console); err != nil {
		return nil, err
	}
	_, err := job.MarshalSpec(o.spec)
	return o, err
}

func checkPrice(c *sdk.Coin) error {
	switch {
	case c == nil:
		return nil
	case c.Denom != types.Denom:
		return fmt.Errorf("--max-price must be in EMC, for example 0.5emc, got %s", c)
	case !c.Amount.IsPositive():
		return errors.New("--max-price must be more than zero")
	case !c.Amount.IsInt64() || c.Amount.Int64() > types.MaxAmount:
		return fmt.Errorf("--max-price must be at most %duemc, got %s", int64(types.MaxAmount), c)
	}
	return nil
}

func checkOutputDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("--output %s: is a file; give a directory", dir)
	}
	return nil
}

// readFiles hashes inputs and artifact.
func (o *order) readFiles(console *Console) error {
	var total int64
	sizes := map[string]int64{}
	for _, in := range o.Inputs {
		info, err := os.Stat(in.File)
		if err != nil {
			return fmt.Errorf("--input: %w", err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("--input %s: expected a regular file", in.File)
		}
		if _, twice := sizes[in.Name]; twice {
			return fmt.Errorf("two inputs have the name %q; name one of them: --input other=FILE", in.Name)
		}
		if err := job.CheckPath(in.Name); err != nil {
			return fmt.Errorf("--input %s: %w; give it another name: --input name=FILE", in.File, err)
		}
		sizes[in.Name] = info.Size()
		if total += info.Size(); total < 0 || total > math.MaxInt64/2 {
			return errors.New("the inputs together are too large")
		}
	}
	if total > hashingNotice {
		console.Say("Reading %s of inputs …", bytesWord(total))
	}
	for _, in := range o.Inputs {
		f, err := localFile(in.File)
		if err != nil {
			return fmt.Errorf("--input: %w", err)
		}
		o.files = append(o.files, f)
		o.spec.Inputs = append(o.spec.Inputs, job.File{Path: in.Name, Size: f.Size, SHA256: f.SHA256})
	}
	job.SortFiles(o.spec.Inputs)
	if o.AppFile == "" {
		return nil
	}
	f, err := localFile(o.AppFile)
	if err != nil {
		return fmt.Errorf("--app-file: %w", err)
	}
	o.files, o.artifact = append(o.files, f), f.SHA256
	return nil
}

func localFile(path string) (LocalFile, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return LocalFile{}, err
	}
	s, err := transfer.FileSource(absolute)
	if err != nil {
		return LocalFile{}, err
	}
	return LocalFile{Path: absolute, Size: s.Size, SHA256: s.SHA256}, nil
}

// bind adds what the registry says about the app.
func (o *order) bind(app types.App) error {
	if o.AppFile != "" && app.Image != "" {
		return fmt.Errorf("app %s is pulled by its node from %s: leave out --app-file", app.Id, app.Image)
	}
	if o.artifact != "" && o.artifact != app.Digest {
		return fmt.Errorf("--app-file %s has the digest %s, the app %s is registered with %s: give the registered file, or submit without one", o.AppFile, o.artifact, app.Id, app.Digest)
	}
	if app.Interface != types.INTERFACE_BATCH {
		return fmt.Errorf("app %s is a service, not a batch program: it takes calls, not jobs", app.Id)
	}
	o.spec.AppDigest = app.Digest
	if app.Runtime == types.RuntimeDocker && o.anyMemory {
		o.Requirements.MemoryBytes = uint64(o.Limits.MemoryBytes) + uint64(o.Limits.OutputBytes)
	}
	return nil
}
