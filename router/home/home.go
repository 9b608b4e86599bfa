// Package home knows the layout of a router's directory.
//
//	config.toml      settings
//	node_key.json    the router's key, readable by its user alone
//	lock             held by the one daemon of this directory
//	control.sock     the running daemon's ear
//	sequencer.db     what was co-signed; never restore it from a copy
//	customers.db     what the sessions of customers have promised; never restore it from a copy
//	sessions.db      the keys of sessions that customers left here
//	apikeys.db       API keys, by their hashes
package home

import (
	"path/filepath"

	"github.com/edgematrix/emc/pkg/homedir"
)

// Home is the absolute path of a router's directory.
type Home string

// New makes the path absolute.
func New(dir string) (Home, error) {
	abs, err := homedir.New(dir)
	return Home(abs), err
}

func (h Home) file(name string) string { return filepath.Join(string(h), name) }

// Config is the file that a person edits.
func (h Home) Config() string { return h.file("config.toml") }

// Key is the router's secret key, readable by its user alone.
func (h Home) Key() string { return h.file("node_key.json") }

// Socket is where the running daemon answers.
func (h Home) Socket() string { return h.file("control.sock") }

// Sequencer is the ledger of what was co-signed.
func (h Home) Sequencer() string { return h.file("sequencer.db") }

// Customers is the ledger of the sessions whose keys are here.
func (h Home) Customers() string { return h.file("customers.db") }

// Sessions has the keys of these sessions.
func (h Home) Sessions() string { return h.file("sessions.db") }

// APIKeys has the API keys.
func (h Home) APIKeys() string { return h.file("apikeys.db") }

// Make makes the directory, for its user alone.
func (h Home) Make() error { return homedir.Make(string(h)) }

// Check says whether the directory is there, belongs to us, and is closed to others.
func (h Home) Check() error { return homedir.Check(string(h), "emc-router") }

// Lock takes the directory for one daemon.
func (h Home) Lock() (unlock func(), err error) { return homedir.Lock(string(h)) }

// Running tells whether a daemon serves the directory now.
func (h Home) Running() bool { return homedir.Running(string(h)) }
