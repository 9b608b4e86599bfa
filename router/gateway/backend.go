package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Backend makes calls to nodes. It retries on other nodes by itself before the first byte.
type Backend interface {
	// Models lists the apps that can be called now, sorted by ID.
	Models(ctx context.Context) ([]Model, error)
	// Call makes one call, and returns when the head of the answer came. Its context goes on until the body is closed: when it
	// ends, the call is cancelled and Read fails. Errors never quote a message or an answer, because they are logged.
	Call(ctx context.Context, c Call) (*Answer, error)
}

// Model is an app that can be called.
type Model struct {
	ID                   string
	OwnedBy              string
	Created              int64
	OpenAI               bool // false: /call only
	Unit                 string
	UnitPrice, CallPrice uint64 // of the cheapest node, uemc
	Nodes                int
	Deterministic        bool
	SharedCache          bool
}

// Call is what a customer asks.
type Call struct {
	Session  string // id of the session that pays, as apikey.Key has it
	App      string
	Message  []byte // httpcall.AppendRequest
	Units    uint64 // the most units that the answer may have
	MaxPrice uint64 // uemc; the most that the customer allows, after his key's limits
	// Reserve is called with the most that the call can cost before it is made; its error stops the call. Called again, for
	// another node, it raises what is reserved to the larger amount.
	Reserve func(amount uint64) error
	// Requirements.
	Region       string
	MinIsolation uint32
	MinPower     uint64
}

// Answer is a call whose head came.
type Answer struct {
	Node   string // address
	Reason string // why this node, for the header X-EMC-Route when asked by X-EMC-Debug: 1
	Status int
	Header http.Header   // as httpcall.ReadResponse gives it
	Body   io.ReadCloser // EOF: complete and receipted; Close before EOF cancels the call at the node; never both at once
	// Charged is what the receipt says, uemc; after EOF or Close.
	Charged func() uint64
}

// Kind is why a call did not succeed.
type Kind uint8

// The kinds, with what the customer gets.
const (
	KindInternal     Kind = iota
	NoModel               // 404 model_not_found: no node serves the app
	NoNode                // 503: nodes serve it, but none that fits can be called now
	Overloaded            // 503: all that fit are full
	Limited               // 429: a limit of this customer
	Price                 // 429 insufficient_quota: no node does it for what the customer allows
	SessionGone           // 401: settled, or never there
	SessionExpired        // 429 insufficient_quota
	SessionExhausted      // 429 insufficient_quota
	NodeFault             // 502
	Timeout               // 504
	Invalid               // 400
)

// Error is a Backend's error that the customer may read.
type Error struct {
	Kind       Kind
	Words      string
	RetryAfter time.Duration // 0: no hint
	Charged    uint64        // uemc, what attempts cost that came to nothing
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Words) }

// String is the kind as logs and metrics have it.
func (k Kind) String() string {
	names := [...]string{"internal", "no_model", "no_node", "overloaded", "limited", "price", "session_gone", "session_expired", "session_exhausted", "node_fault", "timeout", "invalid"}
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}
