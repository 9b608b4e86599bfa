package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Customer is somebody who rents computing power with a key of the network's home.
type Customer struct {
	Net     *Network
	Key     string
	Address string
}

// NewCustomer finds a key.
func NewCustomer(ctx context.Context, net *Network, key string) (Customer, error) {
	address, err := net.Address(ctx, key)
	return Customer{net, key, address}, err
}

// Order is a job that a customer wants.
type Order struct {
	App, AppFile string
	Inputs       []string
	// Flags are further flags of `emcd job run`, Args the program's own arguments.
	Flags, Args []string
	// Output is the folder for the outputs.
	Output string
}

// Summary is what `emcd job run --json` prints.
type Summary struct {
	Job    string `json:"job"`
	Node   string `json:"node"`
	Status string `json:"status"`
	Tx     struct {
		Submit string `json:"submit"`
		Accept string `json:"accept"`
	} `json:"tx"`
	Price     string `json:"price"`
	Refund    string `json:"refund"`
	Fees      string `json:"fees"`
	ExitCode  *int   `json:"exit_code"`
	Reason    string `json:"reason"`
	Verified  bool   `json:"verified"`
	OutputDir string `json:"output_dir"`
	Outputs   []struct {
		Path   string `json:"path"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	} `json:"outputs"`
	Error string `json:"error"`
}

// Args is the order as it is typed after `emcd job run`.
func (c Customer) Args(verb string, o Order) []string {
	args := []string{"job", verb, "--app", o.App, "--from", c.Key, "--keyring-backend", "test", "--yes", "--json"}
	if o.AppFile != "" {
		args = append(args, "--app-file", o.AppFile)
	}
	for _, in := range o.Inputs {
		args = append(args, "--input", in)
	}
	if o.Output != "" {
		args = append(args, "--output", o.Output)
	}
	args = append(args, o.Flags...)
	if len(o.Args) > 0 {
		args = append(append(args, "--"), o.Args...)
	}
	return args
}

// Run goes with a job to its end. The summary is there also with an error.
func (c Customer) Run(ctx context.Context, o Order) (Summary, Answer, error) {
	return c.summary(c.Net.Emcd(ctx, c.Args("run", o)...))
}

// Submit submits a job, hands over its inputs, and leaves.
func (c Customer) Submit(ctx context.Context, o Order) (Summary, Answer, error) {
	return c.summary(c.Net.Emcd(ctx, c.Args("submit", o)...))
}

// Attach goes on with a job.
func (c Customer) Attach(ctx context.Context, id string, flags ...string) (Summary, Answer, error) {
	return c.summary(c.Net.Emcd(ctx, append([]string{"job", "attach", id, "--from", c.Key, "--keyring-backend", "test", "--json"}, flags...)...))
}

func (c Customer) summary(a Answer, err error) (Summary, Answer, error) {
	var s Summary
	if a.Out != "" {
		if bad := json.Unmarshal([]byte(a.Out), &s); bad != nil && err == nil {
			err = fmt.Errorf("%w: %s", bad, a.Out)
		}
	}
	return s, a, err
}

// Launch starts `emcd job run` beside us; the customer can then be killed.
func (c Customer) Launch(log string, o Order) (*Process, error) {
	return Launch(log, nil, "", c.Net.Bin.Emcd(), c.Command("run", o)...)
}

// RegisterApp adds a wasm program to the registry.
func (c Customer) RegisterApp(ctx context.Context, id, file string) (Transaction, error) {
	return c.RegisterFor(ctx, "wasm", id, file)
}

// RegisterFor adds a program for a runtime to the registry.
func (c Customer) RegisterFor(ctx context.Context, runtime, id, file string) (Transaction, error) {
	digest, err := Digest(file)
	if err != nil {
		return Transaction{}, err
	}
	return c.Net.Tx(ctx, c.Key, "compute", "register-app", id, runtime, digest, "--interface", "batch", "--comparison", "exact")
}

// Files are the names of the files in the folder, with their contents.
func Files(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = content
		return err
	})
	return out, err
}

// Command is the order as it is typed after `emcd`, with the home.
func (c Customer) Command(verb string, o Order) []string {
	return withHome(c.Args(verb, o), c.Net.Home)
}
