package jobclient_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

const chainID = "emc-test-1"

// fakeChain is a chain of one customer, and his wallet. It follows the rules of x/compute as far as the client sees them.
type fakeChain struct {
	customer string
	onSubmit func(f *fakeChain, id string) error // after the job is there, before the wallet hears of it

	mu      sync.Mutex
	params  types.Params
	app     types.App
	nodes   []types.Node // in the order in which jobs are given out
	jobs    map[string]types.Job
	balance int64
	sent    []sdk.Msg
	silent  error // every query fails with it
	session *markettypes.QuerySessionResponse
	seq     uint64
}

func (f *fakeChain) ChainID() string { return chainID }
func (f *fakeChain) Address() string { return f.customer }

func (f *fakeChain) lock() func() { f.mu.Lock(); return f.mu.Unlock }

func (f *fakeChain) Params(context.Context) (types.Params, error) {
	defer f.lock()()
	return f.params, f.silent
}

func (f *fakeChain) App(_ context.Context, id string) (types.App, error) {
	defer f.lock()()
	if id != f.app.Id {
		return types.App{}, jobclient.ErrNotFound
	}
	return f.app, f.silent
}

func (f *fakeChain) Match(_ context.Context, r types.QueryMatchRequest) (types.QueryMatchResponse, error) {
	defer f.lock()()
	var out types.QueryMatchResponse
	for _, n := range f.nodes {
		quote := types.FullPrice(f.params, n.Offer.SlotHourPrice.Amount, r.MaxSeconds)
		c := types.Candidate{
			Node: n.Address, SlotHourPrice: n.Offer.SlotHourPrice, Quote: types.Uemc(quote), EHourPrice: types.EHourPriceWord(n), SlotPower: n.SlotPower(),
		}
		if n.SlotPower() < r.Requirements.MinSlotPower {
			c.Failures = []string{"has too little power"}
		} else if r.MaxPrice.IsPositive() && quote.GT(r.MaxPrice.Amount) {
			c.Failures = []string{"costs too much"}
		} else if out.Node == "" {
			out.Node, out.Quote, out.EHourPrice, out.Chosen = n.Address, c.Quote, c.EHourPrice, "cheapest by slot-hour price"
		}
		out.Candidates = append(out.Candidates, c)
	}
	if out.Node == "" {
		out.Reason = "none of the candidates fits"
	}
	return out, f.silent
}

func (f *fakeChain) Node(_ context.Context, address string) (types.Node, error) {
	defer f.lock()()
	for _, n := range f.nodes {
		if n.Address == address {
			return n, f.silent
		}
	}
	return types.Node{}, jobclient.ErrNotFound
}

func (f *fakeChain) Job(_ context.Context, id string) (types.Job, error) {
	defer f.lock()()
	j, ok := f.jobs[id]
	if !ok {
		return j, jobclient.ErrNotFound
	}
	return j, f.silent
}

func (f *fakeChain) CustomerJobs(_ context.Context, customer string) ([]types.Job, error) {
	defer f.lock()()
	var out []types.Job
	for _, j := range f.jobs {
		if j.Customer == customer {
			out = append(out, j)
		}
	}
	return out, f.silent
}

func (f *fakeChain) Balance(context.Context, string) (sdk.Coin, error) {
	defer f.lock()()
	return types.Uemc(math.NewInt(f.balance)), f.silent
}

func (f *fakeChain) Session(_ context.Context, id string) (markettypes.QuerySessionResponse, error) {
	defer f.lock()()
	if f.session == nil || f.session.Session.Id != id {
		return markettypes.QuerySessionResponse{}, fmt.Errorf("session %s: %w", id, jobclient.ErrNotFound)
	}
	return *f.session, f.silent
}

func (f *fakeChain) Time(context.Context) (time.Time, error) { return time.Now(), nil }

const fee = 1_000 // uemc a transaction

func (f *fakeChain) Fee(context.Context, sdk.Msg) (sdk.Coin, error) {
	return types.Uemc(math.NewInt(fee)), nil
}

func (f *fakeChain) Send(ctx context.Context, msg sdk.Msg, signed func(string) error) (jobclient.Tx, error) {
	tx := jobclient.Tx{Hash: fmt.Sprintf("%064X", len(f.messages())+1), Height: 7, Fee: types.Uemc(math.NewInt(fee))}
	if err := signed(tx.Hash); err != nil {
		return jobclient.Tx{}, err
	}
	var err error
	switch m := msg.(type) {
	case *types.MsgSubmitJob:
		id := f.submit(m)
		if f.onSubmit != nil {
			if err := f.onSubmit(f, id); err != nil {
				return tx, err
			}
		}
		tx.Response, err = (&types.MsgSubmitJobResponse{Job: id}).Marshal()
	case *markettypes.MsgSubmitSessionJob:
		id := f.submit(m.Job())
		f.sent[len(f.sent)-1] = m
		tx.Response, err = (&markettypes.MsgSubmitSessionJobResponse{Job: id}).Marshal()
	case *types.MsgAcceptResult:
		err = f.accept(tx, m)
	case *types.MsgCancelJob:
		f.change(m.Job, func(j *types.Job) { closed(j, types.JOB_STATUS_CANCELLED, 2_500, "cancelled by the customer") })
		tx.Response, err = (&types.MsgCancelJobResponse{Paid: types.Uemc(math.NewInt(2_500)), Refunded: types.Uemc(math.NewInt(1))}).Marshal()
	}
	return tx, err
}

func (f *fakeChain) accept(tx jobclient.Tx, m *types.MsgAcceptResult) error {
	defer f.lock()()
	f.sent = append(f.sent, m)
	j := f.jobs[m.Job]
	if j.Status != types.JOB_STATUS_FINISHED {
		return &jobclient.TxError{Hash: tx.Hash, Words: "the job is " + types.StatusWord(j.Status), Fee: tx.Fee}
	}
	closed(&j, types.JOB_STATUS_COMPLETED, j.Paid.Amount.Int64(), "accepted by the customer")
	f.jobs[m.Job] = j
	return nil
}

func (f *fakeChain) submit(m *types.MsgSubmitJob) string {
	defer f.lock()()
	f.sent = append(f.sent, m)
	id := types.JobID(sdk.MustAccAddressFromBech32(m.Customer), f.seq)
	f.seq++
	zero := types.Uemc(math.ZeroInt())
	f.jobs[id] = types.Job{
		Id: id, Customer: m.Customer, App: m.App, Runtime: "wasm", AppDigest: f.app.Digest, MaxSeconds: m.MaxSeconds, MaxPrice: m.MaxPrice,
		SpecDigest: m.SpecDigest, InputsDigest: m.InputsDigest, AccessKey: m.AccessKey, SlotHourPrice: zero, Paid: zero, Refunded: zero,
		Status: types.JOB_STATUS_SCHEDULED, Node: f.nodes[0].Address, SubmittedAt: time.Now().Unix(), Deadline: time.Now().Unix() + 60,
	}
	return id
}

// change edits a job as a block would.
func (f *fakeChain) change(id string, edit func(*types.Job)) {
	defer f.lock()()
	j := f.jobs[id]
	edit(&j)
	f.jobs[id] = j
}

// pass gives the job to the next node.
func (f *fakeChain) pass(id, reason string) {
	f.change(id, func(j *types.Job) {
		at := slices.IndexFunc(f.nodes, func(n types.Node) bool { return n.Address == j.Node })
		j.TriedNodes = append(j.TriedNodes, j.Node)
		j.Node, j.Status, j.Reason = f.nodes[at+1].Address, types.JOB_STATUS_SCHEDULED, reason
	})
}

func closed(j *types.Job, status types.JobStatus, price int64, reason string) {
	j.Status, j.Reason = status, reason
	j.Paid = types.Uemc(math.NewInt(price))
	j.Refunded = j.MaxPrice.Sub(j.Paid)
}

func (f *fakeChain) messages() []sdk.Msg {
	defer f.lock()()
	return slices.Clone(f.sent)
}

// kinds of the messages that were sent, in order: "SubmitJob AcceptResult".
func (f *fakeChain) kinds() string {
	var out []string
	for _, m := range f.messages() {
		out = append(out, strings.TrimPrefix(sdk.MsgTypeURL(m), "/emc.compute.v1.Msg"))
	}
	return strings.Join(out, " ")
}

func (f *fakeChain) silence(words string) {
	defer f.lock()()
	f.silent = nil
	if words != "" {
		f.silent = errors.New(words)
	}
}

func (f *fakeChain) job(id string) types.Job {
	defer f.lock()()
	return f.jobs[id]
}

// only is the id of the one job.
func (f *fakeChain) only() string {
	defer f.lock()()
	for id := range f.jobs {
		return id
	}
	return ""
}

// lateChain ends the acceptance window just before an acceptance arrives.
type lateChain struct{ *fakeChain }

func (l *lateChain) Send(ctx context.Context, msg sdk.Msg, signed func(string) error) (jobclient.Tx, error) {
	if m, ok := msg.(*types.MsgAcceptResult); ok {
		l.change(m.Job, func(j *types.Job) {
			closed(j, types.JOB_STATUS_COMPLETED, 5_000, "the acceptance window ended")
		})
	}
	return l.fakeChain.Send(ctx, msg, signed)
}
