package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/reconcile"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// fakeChain keeps the rules that make sending once possible: a sequence counts
// once, and a timeout height is kept.
type fakeChain struct {
	height   int64
	sequence uint64
	jobs     map[string]*computetypes.Job
	windows  map[int64]poctypes.Window
	mempool  [][]byte
	blocks   map[string]chainclient.Included
	effects  []string // what took effect, in order

	lost        bool  // broadcasts vanish
	refuse      error // of broadcasts
	down        error // of everything
	deliver     error // of execution in a block
	noIndex     bool
	broadcasts  int
	simulations int
}

type fakeTx struct {
	Sequence, Timeout uint64
	Messages          []string // keys by job and kind
	Kinds             []string
	Gas               uint64
}

func newFakeChain() *fakeChain {
	return &fakeChain{height: 10, jobs: map[string]*computetypes.Job{}, blocks: map[string]chainclient.Included{}}
}

func (c *fakeChain) addJob(id, node string, s computetypes.JobStatus) *computetypes.Job {
	j := &computetypes.Job{Id: id, Node: node, Status: s}
	c.jobs[id] = j
	return j
}

func (c *fakeChain) Head(context.Context) (chainclient.Head, error) {
	return chainclient.Head{Height: c.height}, c.down
}

func (c *fakeChain) Account(context.Context, string) (chainclient.Account, error) {
	return chainclient.Account{Number: 1, Sequence: c.sequence}, c.down
}

func (c *fakeChain) Job(_ context.Context, id string) (computetypes.Job, error) {
	if c.down != nil {
		return computetypes.Job{}, c.down
	}
	if j := c.jobs[id]; j != nil {
		return *j, nil
	}
	return computetypes.Job{}, chainclient.ErrNotFound
}

func (c *fakeChain) Window(_ context.Context, height int64) (poctypes.Window, error) {
	w, ok := c.windows[height]
	if !ok || c.down != nil {
		return w, errors.Join(c.down, chainclient.ErrNotFound)
	}
	return w, nil
}

// apply is the state machine of the messages used here.
func apply(jobs map[string]computetypes.Job, msg sdk.Msg) (map[string]computetypes.Job, error) {
	id := reconcile.JobOf(msg)
	if id == "" {
		return jobs, nil
	}
	j := jobs[id]
	want, next := computetypes.JobStatus(0), computetypes.JobStatus(0)
	switch msg.(type) {
	case *computetypes.MsgAcknowledgeJob:
		want, next = computetypes.JOB_STATUS_SCHEDULED, computetypes.JOB_STATUS_READY
	case *computetypes.MsgStartJob:
		want, next = computetypes.JOB_STATUS_READY, computetypes.JOB_STATUS_RUNNING
	case *computetypes.MsgSubmitReceipt:
		want, next = computetypes.JOB_STATUS_RUNNING, computetypes.JOB_STATUS_FINISHED
	}
	if j.Status != want {
		return jobs, fmt.Errorf("job %s is %s", id, computetypes.StatusWord(j.Status))
	}
	j.Status = next
	jobs[id] = j
	return jobs, nil
}

func (c *fakeChain) copyJobs() map[string]computetypes.Job {
	out := map[string]computetypes.Job{}
	for id, j := range c.jobs {
		out[id] = *j
	}
	return out
}

func (c *fakeChain) Simulate(_ context.Context, d chainclient.Draft, _ chainclient.Signer) (uint64, error) {
	if c.down != nil {
		return 0, c.down
	}
	c.simulations++
	jobs := c.copyJobs()
	for _, m := range d.Messages {
		var err error
		if jobs, err = apply(jobs, m); err != nil {
			return 0, status.Error(codes.Unknown, err.Error())
		}
	}
	return 100, nil
}

func (c *fakeChain) WithGas(d chainclient.Draft, gas uint64) chainclient.Draft {
	d.Gas = gas
	return d
}

// signed remembers what the bytes of a transaction stand for.
var errUnknownBytes = errors.New("unknown bytes")

func (c *fakeChain) Sign(_ context.Context, d chainclient.Draft, _ chainclient.Signer) ([]byte, error) {
	tx := fakeTx{Sequence: d.Account.Sequence, Timeout: d.TimeoutHeight, Gas: d.Gas}
	for _, m := range d.Messages {
		tx.Kinds = append(tx.Kinds, sdk.MsgTypeURL(m))
		tx.Messages = append(tx.Messages, reconcile.JobOf(m))
	}
	return json.Marshal(tx)
}

func (c *fakeChain) Broadcast(_ context.Context, b []byte) error {
	c.broadcasts++
	switch {
	case c.down != nil:
		return c.down
	case c.refuse != nil:
		return c.refuse
	case c.lost:
		return nil
	}
	for _, known := range c.mempool {
		if bytes.Equal(known, b) {
			return nil
		}
	}
	c.mempool = append(c.mempool, b)
	return nil
}

func (c *fakeChain) Lookup(_ context.Context, hash string) (chainclient.Included, error) {
	if c.down != nil {
		return chainclient.Included{}, c.down
	}
	if c.noIndex {
		return chainclient.Included{}, chainclient.ErrNoIndex
	}
	if in, ok := c.blocks[hash]; ok {
		return in, nil
	}
	return chainclient.Included{}, chainclient.ErrNotFound
}

// block makes the next block out of the mempool.
func (c *fakeChain) block(t *testing.T) {
	t.Helper()
	c.height++
	rest := c.mempool
	c.mempool = nil
	for _, b := range rest {
		var tx fakeTx
		require.NoError(t, json.Unmarshal(b, &tx), errUnknownBytes)
		if tx.Timeout < uint64(c.height) || tx.Sequence != c.sequence {
			continue
		}
		c.sequence++
		in := chainclient.Included{Hash: chainclient.Hash(b), Height: c.height}
		jobs, err := c.copyJobs(), c.deliver
		var effects []string
		for i, id := range tx.Messages {
			if err != nil {
				break
			}
			jobs, err = apply(jobs, message(tx.Kinds[i], id))
			effects = append(effects, tx.Kinds[i]+" "+id)
		}
		if err != nil {
			in.Failure = &chainclient.Rejection{Codespace: "compute", Code: 17, Words: err.Error()}
		} else {
			for id, j := range jobs {
				*c.jobs[id] = j
			}
			c.effects = append(c.effects, effects...)
		}
		c.blocks[in.Hash] = in
	}
}

func message(kind, id string) sdk.Msg {
	for _, m := range []sdk.Msg{
		&computetypes.MsgAcknowledgeJob{Job: id, InputsReceived: true}, &computetypes.MsgStartJob{Job: id},
		&computetypes.MsgSubmitReceipt{Job: id}, &computetypes.MsgReportStatus{},
		&poctypes.MsgCommitProof{}, &poctypes.MsgRevealProof{},
	} {
		if sdk.MsgTypeURL(m) == kind {
			return m
		}
	}
	return nil
}

func signer() chainclient.Signer {
	return chainclient.KeySigner{Key: secp256k1.GenPrivKeyFromSecret([]byte("node"))}
}
