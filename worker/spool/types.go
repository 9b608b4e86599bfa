package spool

import (
	"errors"
	"fmt"
	"time"
)

// Bounds on what the spool keeps.
const (
	MaxKeyBytes   = 256
	MaxValueBytes = 1 << 20
	MaxTxBytes    = 4 << 20
	MaxPending    = 100_000
	HistoryLimit  = 10_000
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrWrite is in the chain of every failed write, such as with a full disk. Nothing has changed.
	ErrWrite = errors.New("the spool could not be written")
	// ErrCorrupt is in the chain of an error about a file that is damaged. The file is left as it is.
	ErrCorrupt = errors.New("the spool is damaged")
	// ErrInFlight says that another transaction is in flight.
	ErrInFlight = errors.New("another transaction is in flight")
	// ErrUnknownKey says that a key is not pending.
	ErrUnknownKey = errors.New("no pending message has this key")
	// ErrInvalid says that an argument is out of bounds.
	ErrInvalid = errors.New("invalid")
	// ErrLocked says that another process has the spool open.
	ErrLocked = errors.New("the spool is in use by another process")
)

// Message is what the chain must see: a protobuf message and its type URL.
type Message struct {
	TypeURL string `json:"type_url"`
	Value   []byte `json:"value"` // protobuf bytes
}

// Entry is a pending message.
type Entry struct {
	Key     string    `json:"key"`
	Msg     Message   `json:"msg"`
	Created time.Time `json:"created"`
	// Attempts counts the transactions that carried it and were not included.
	Attempts int `json:"attempts"`
}

// InFlight is the one signed transaction that is on its way.
type InFlight struct {
	TxBytes       []byte    `json:"tx_bytes"`
	Hash          string    `json:"hash"`
	Sequence      uint64    `json:"sequence"`       // of the worker's account
	TimeoutHeight int64     `json:"timeout_height"` // after this block it can never be included
	Keys          []string  `json:"keys"`
	Created       time.Time `json:"created"`
}

// Outcome is what became of a message.
type Outcome struct {
	TxHash    string `json:"tx_hash,omitempty"`
	Height    int64  `json:"height,omitempty"`
	Code      uint32 `json:"code"` // 0 is success, as in a transaction's result
	Codespace string `json:"codespace,omitempty"`
	Log       string `json:"log,omitempty"` // plain words
}

// Record is a message that is done.
type Record struct {
	Entry
	Outcome Outcome   `json:"outcome"`
	Done    time.Time `json:"done"`
}

// State is where the message of a key stands.
type State int

// The states of a key.
const (
	StateUnknown  State = iota // never handed in, or long forgotten
	StatePending               // waits for a transaction
	StateInFlight              // in the transaction that is on its way
	StateDone                  // has an outcome
)

// String implements fmt.Stringer.
func (s State) String() string {
	switch s {
	case StateUnknown:
		return "unknown"
	case StatePending:
		return "pending"
	case StateInFlight:
		return "in flight"
	case StateDone:
		return "done"
	default:
		return fmt.Sprintf("state %d", int(s))
	}
}

func checkEntry(key string, msg Message) error {
	switch {
	case key == "" || len(key) > MaxKeyBytes:
		return fmt.Errorf("%w: a key has 1 to %d bytes, got %d", ErrInvalid, MaxKeyBytes, len(key))
	case msg.TypeURL == "" || len(msg.TypeURL) > MaxKeyBytes:
		return fmt.Errorf("%w: a type URL has 1 to %d bytes, got %d", ErrInvalid, MaxKeyBytes, len(msg.TypeURL))
	case len(msg.Value) > MaxValueBytes:
		return fmt.Errorf("%w: a message has at most %d bytes, got %d", ErrInvalid, MaxValueBytes, len(msg.Value))
	}
	return nil
}

func checkInFlight(tx InFlight) error {
	switch {
	case len(tx.TxBytes) == 0 || len(tx.TxBytes) > MaxTxBytes:
		return fmt.Errorf("%w: a transaction has 1 to %d bytes, got %d", ErrInvalid, MaxTxBytes, len(tx.TxBytes))
	case tx.Hash == "":
		return fmt.Errorf("%w: a transaction needs its hash", ErrInvalid)
	case len(tx.Keys) == 0:
		return fmt.Errorf("%w: a transaction must carry at least one key", ErrInvalid)
	}
	return nil
}
