package jobclient

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// Client is one customer at one machine. Its fields are set before the first call and not changed after.
type Client struct {
	Chain   Chain
	Wallet  Wallet // may be nil for reading only
	Store   *Store
	Console *Console

	// Random and Now are crypto/rand and the clock outside of tests.
	Random io.Reader
	Now    func() time.Time
	// Poll is the time between two looks at the chain.
	Poll time.Duration
	// Patience is how long a worker that does not answer is tried when no deadline of the job says it.
	Patience time.Duration
	// Quiet is how long trouble with a worker is not worth a word.
	Quiet time.Duration
	// Linger is how long the end of the log is waited for after the receipt.
	Linger time.Duration
	// Grace is how long after a deadline the chain is given to act on it.
	Grace time.Duration

	mu sync.Mutex // guards records, and the maps
	// lines are those of jobs that are gone with.
	lines map[string]*line
	// shown is how much of a job's log this program has shown, in bytes.
	shown map[string]*int64
}

// New returns a client with the usual clock and times.
func New(chain Chain, wallet Wallet, store *Store, console *Console) *Client {
	return &Client{
		Chain: chain, Wallet: wallet, Store: store, Console: console, Random: rand.Reader, Now: time.Now,
		Poll: 400 * time.Millisecond, Patience: time.Minute, Quiet: 5 * time.Second, Linger: 20 * time.Second, Grace: 2 * time.Minute,
		shown: map[string]*int64{},
	}
}

// job reads a job from the chain and remembers in its record where it is, so that worker and log can be found when the
// chain has forgotten it.
func (c *Client) job(ctx context.Context, rec *Record) (types.Job, error) {
	j, err := c.Chain.Job(ctx, rec.ID)
	if err != nil {
		return j, err
	}
	return j, c.remember(ctx, rec, j)
}

func (c *Client) remember(ctx context.Context, rec *Record, j types.Job) error {
	var receipt *Receipt
	if j.Receipt != nil {
		var err error
		if receipt, err = readReceipt(j); err != nil {
			return err
		}
	}
	if c.nodeOf(rec) != j.Node {
		if err := c.settle(ctx, rec, j.Node); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return c.update(rec, func(r *Record) bool {
		before := *r
		r.Status, r.Reason, r.Receipt = types.StatusWord(j.Status), j.Reason, receipt
		if !j.Paid.Amount.IsNil() && !j.Refunded.Amount.IsNil() {
			r.Price, r.Refund = j.Paid.Amount, j.Refunded.Amount
		}
		return before.Status != r.Status || before.Reason != r.Reason || (before.Receipt == nil) != (receipt == nil) ||
			!before.Price.Equal(r.Price) || !before.Refund.Equal(r.Refund)
	})
}

// update changes a record, which the watch on the chain and the talk with the worker both do, and saves it when change
// reports that something is new.
func (c *Client) update(rec *Record, change func(*Record) bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !change(rec) {
		return nil
	}
	return c.Store.Save(rec)
}

// shownOf counts what has been shown of a job's log. Only one log is copied at a time.
func (c *Client) shownOf(rec *Record) *int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown[rec.ID] == nil {
		c.shown[rec.ID] = new(int64)
	}
	return c.shown[rec.ID]
}

func (c *Client) nodeOf(rec *Record) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return rec.Node
}

// settle writes down which node a job is on now, and where that is reached.
func (c *Client) settle(ctx context.Context, rec *Record, node string) error {
	n, err := c.Chain.Node(ctx, node)
	if err != nil {
		return fmt.Errorf("node %s: %w", node, err)
	}
	return c.update(rec, func(r *Record) bool {
		r.Node, r.NodeKey, r.Endpoints = n.Address, hex.EncodeToString(n.Pubkey), n.Endpoints
		r.Uploaded = false // it was to another node, if at all
		return true
	})
}

// locate says where a node is reached now. When the chain does not answer, or no longer knows the node, the endpoints that
// were last seen must do.
func (c *Client) locate(ctx context.Context, rec *Record, node string) (transfer.Target, error) {
	n, err := c.Chain.Node(ctx, node)
	if err == nil {
		// The job may have moved on to another node meanwhile: then the record is about that one.
		err := c.update(rec, func(r *Record) bool {
			if r.Node != n.Address || slices.Equal(r.Endpoints, n.Endpoints) {
				return false
			}
			r.Endpoints = n.Endpoints
			return true
		})
		if err != nil {
			return transfer.Target{}, err
		}
		pub, err := transfer.PubKeyFromBytes(n.Pubkey)
		return transfer.Target{Node: pub, Endpoints: n.Endpoints, JobID: rec.ID}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if rec.Node != node {
		return transfer.Target{}, fmt.Errorf("node %s: %w", node, err)
	}
	return rec.target()
}

func readReceipt(j types.Job) (*Receipt, error) {
	result, err := job.DigestFromBytes(j.Receipt.ResultDigest)
	if err != nil {
		return nil, fmt.Errorf("the receipt on the chain: %w", err)
	}
	log, err := job.DigestFromBytes(j.Receipt.LogDigest)
	if err != nil {
		return nil, fmt.Errorf("the receipt on the chain: %w", err)
	}
	return &Receipt{
		Reason: types.ReasonWord(j.Receipt.Reason), ExitCode: j.Receipt.ExitCode, ResultDigest: result, LogDigest: log,
		WallMillis: j.Receipt.Usage.WallMilliseconds, Words: runEnd(j),
	}, nil
}

// CheckOwner refuses a record of another chain, or one that the wallet's key does not own.
func (c *Client) CheckOwner(rec *Record) error {
	switch {
	case rec.ChainID != c.Chain.ChainID():
		return fmt.Errorf("job %s is on the chain %s, this one is %s: give the --node of the other", rec.ID, rec.ChainID, c.Chain.ChainID())
	case c.Wallet != nil && c.Wallet.Address() != rec.Customer:
		return fmt.Errorf("job %s belongs to %s, the key of --from is %s", rec.ID, rec.Customer, c.Wallet.Address())
	default:
		return nil
	}
}
