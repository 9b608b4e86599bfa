// Package outbox brings the node's messages from the spool into blocks. Each
// message takes effect once by construction: one signed transaction is in
// flight at a time, its bytes are in the spool before they leave the machine,
// and the same bytes are sent again until a block holds their hash or their
// timeout height has passed, after which no block can. Only then is anything
// signed anew, with the same account sequence.
package outbox

import (
	"context"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Chain is what the outbox asks of a chain. *chainclient.Client has it.
type Chain interface {
	Head(ctx context.Context) (chainclient.Head, error)
	Account(ctx context.Context, address string) (chainclient.Account, error)
	Job(ctx context.Context, id string) (computetypes.Job, error)
	Window(ctx context.Context, height int64) (poctypes.Window, error)
	Simulate(ctx context.Context, d chainclient.Draft, s chainclient.Signer) (uint64, error)
	WithGas(d chainclient.Draft, gas uint64) chainclient.Draft
	Sign(ctx context.Context, d chainclient.Draft, s chainclient.Signer) ([]byte, error)
	Broadcast(ctx context.Context, bytes []byte) error
	Lookup(ctx context.Context, hash string) (chainclient.Included, error)
}

// Spool keeps messages over restarts. *Durable is one.
type Spool interface {
	// Pending returns the oldest messages, in order.
	Pending(limit int) ([]Message, error)
	// InFlight returns the transaction that is on its way, if any.
	InFlight() (*Flight, error)
	// SetInFlight stores it before it is sent.
	SetInFlight(Flight) error
	// Release forgets it; its messages wait for another one.
	Release(hash string) error
	// Done removes messages, and the flight that carried them, with what became of them.
	Done(keys []string, outcome Outcome) error
}

// Message is one pending message.
type Message struct {
	Key     string
	Msg     sdk.Msg
	Created time.Time
	// Broken says why the stored bytes are no message any more.
	Broken error
	// Until is the last block that can hold it; 0 is any. The outbox finds it out.
	Until int64
}

// Flight is a signed transaction.
type Flight struct {
	Bytes         []byte
	Hash          string
	Sequence      uint64
	TimeoutHeight int64
	Keys          []string
}

// Outcome is what became of messages.
type Outcome struct {
	// Hash and Height name the block's transaction; empty when dropped.
	Hash   string
	Height int64
	// Dropped says in words why they were not sent.
	Dropped string
}
