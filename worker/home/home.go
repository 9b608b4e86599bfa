// Package home knows the layout of a worker's directory.
//
//	config.toml      settings
//	services.toml    apps that the worker answers calls of
//	calls.db         what those calls earned, and what is promised for them
//	node_key.json    the node's key, readable by its user alone
//	lock             held by the one daemon of this directory
//	drain            there while the worker takes no new work
//	control.sock     the running daemon's ear
//	spool.db         messages on their way to the chain
//	earnings.jsonl   one line for each job that was paid
//	proof/           what the last proof of computing needs to be revealed
//	store/           jobs and apps (worker/jobstore)
//	cache/wasm/      compiled code
package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edgematrix/emc/pkg/homedir"
)

// Home is the absolute path of a worker's directory.
type Home string

// New makes the path absolute.
func New(dir string) (Home, error) {
	abs, err := homedir.New(dir)
	return Home(abs), err
}

func (h Home) file(names ...string) string {
	return filepath.Join(append([]string{string(h)}, names...)...)
}

// Config is the file that a person edits.
func (h Home) Config() string { return h.file("config.toml") }

// Services lists the apps that the worker answers calls of.
func (h Home) Services() string { return h.file("services.toml") }

// Calls is the ledger of calls.
func (h Home) Calls() string { return h.file("calls.db") }

// Key is the node's secret key, readable by its user alone.
func (h Home) Key() string { return h.file("node_key.json") }

// Drain exists while the node takes no new work.
func (h Home) Drain() string { return h.file("drain") }

// Socket is where the running daemon answers.
func (h Home) Socket() string { return h.file("control.sock") }

// Spool holds the messages that the chain has not confirmed yet.
func (h Home) Spool() string { return h.file("spool.db") }

// Earnings has a line for each job that was paid.
func (h Home) Earnings() string { return h.file("earnings.jsonl") }

// Proof keeps what the last proof of computing needs to be revealed.
func (h Home) Proof() string { return h.file("proof") }

// Store holds the jobs and their data.
func (h Home) Store() string { return h.file("store") }

// WasmCache holds compiled modules.
func (h Home) WasmCache() string { return h.file("cache", "wasm") }

// Scratch is where programs that answer calls have room.
func (h Home) Scratch() string { return h.file("scratch") }

// Docker holds the scratch of containers and the list of images.
func (h Home) Docker() string { return h.file("docker") }

// Make makes the directory, for its user alone.
func (h Home) Make() error { return homedir.Make(string(h)) }

// Check says whether the directory is there, belongs to us, and is closed to
// others: they could put another key or program in place.
func (h Home) Check() error { return homedir.Check(string(h), "emc-worker") }

// Lock takes the directory for one daemon. The kernel gives it back when the
// process ends in whatever way.
func (h Home) Lock() (unlock func(), err error) { return homedir.Lock(string(h)) }

// Running tells whether a daemon serves the directory now.
func (h Home) Running() bool { return homedir.Running(string(h)) }

// Draining tells whether the worker is to take no new work.
func (h Home) Draining() bool {
	_, err := os.Stat(h.Drain())
	return err == nil
}

// SetDraining changes that, for now and after every restart.
func (h Home) SetDraining(on bool) error {
	if !on {
		if err := os.Remove(h.Drain()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return os.WriteFile(h.Drain(), nil, 0o600)
}
