package jobclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// ErrNotFound says that the chain has no such app, node or job.
var ErrNotFound = errors.New("not found on the chain")

// Chain is what the client asks of the chain. Errors are in words for the customer; ErrNotFound is in the chain of an
// error when the object does not exist.
type Chain interface {
	ChainID() string
	Params(ctx context.Context) (types.Params, error)
	App(ctx context.Context, id string) (types.App, error)
	// Match pages through all candidates.
	Match(ctx context.Context, req types.QueryMatchRequest) (types.QueryMatchResponse, error)
	Node(ctx context.Context, address string) (types.Node, error)
	Job(ctx context.Context, id string) (types.Job, error)
	// CustomerJobs returns all jobs of a customer that are still in the state, oldest first.
	CustomerJobs(ctx context.Context, customer string) ([]types.Job, error)
	Balance(ctx context.Context, address string) (sdk.Coin, error)
	// Session that may pay for jobs.
	Session(ctx context.Context, id string) (markettypes.QuerySessionResponse, error)
	// Time is the time of the newest block.
	Time(ctx context.Context) (time.Time, error)
}

// Wallet signs and sends the customer's transactions.
type Wallet interface {
	// Address of the customer.
	Address() string
	// Fee estimates, in uemc, what it costs to send msg. It fails with the chain's words when the chain would refuse msg.
	Fee(ctx context.Context, msg sdk.Msg) (sdk.Coin, error)
	// Send signs msg, calls signed with the hash, broadcasts, and waits until a block holds the transaction. When signed
	// fails, nothing is sent. The error is a *TxError when the chain refused, and ErrVoid when no block can hold the
	// transaction any more; in all other cases its fate is unknown, and Tx.Hash names it.
	Send(ctx context.Context, msg sdk.Msg, signed func(hash string) error) (Tx, error)
}

// Tx is a transaction that stands in a block.
type Tx struct {
	Hash   string
	Height int64
	Fee    sdk.Coin
	// Response is the encoded answer to the message.
	Response []byte
}

// ErrVoid says that a transaction was not taken into a block in time and never will be.
var ErrVoid = errors.New("the transaction did not enter a block in time and is void: nothing was paid; try again")

// TxError is the chain's refusal of a transaction.
type TxError struct {
	Hash  string
	Words string
	// Fee that was taken although the transaction failed; zero when it did not enter a block.
	Fee sdk.Coin
}

// Error implements error.
func (e *TxError) Error() string {
	if e.Hash == "" {
		return "the chain refused the transaction: " + e.Words
	}
	return fmt.Sprintf("the chain refused transaction %s: %s", e.Hash, e.Words)
}
