// Package mempool knows which transactions wait, so that proofs of computing and
// the nodes' other messages come into blocks while everybody else floods them.
//
// CometBFT keeps the transactions, in the order in which they arrived, hands the
// first of them to the proposer, and refuses all alike when it is full. This
// package stands beside it: it keeps the urgent ones apart, from which a proposer
// takes ahead, and counts the ordinary ones, which it refuses while CometBFT has
// still room for urgent ones. Nothing here is part of the state.
package mempool

import (
	"container/list"
	"context"
	"crypto/sha256"
	"iter"
	"sync"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkmempool "github.com/cosmos/cosmos-sdk/types/mempool"
)

const (
	// perSigner is how many transactions of one node wait as urgent in each
	// class; more are ordinary. A worker has one at a time.
	perSigner = 4
	// forgetAfter blocks without a sign of life a transaction is no longer
	// counted. CometBFT checks what it keeps anew after each block, and what it
	// drops it drops in a block or in such a check; this is for the rest: what it
	// did not keep in the end, and nodes that have these checks turned off.
	forgetAfter = 100
)

// ID names a transaction by its bytes.
type ID [sha256.Size]byte

// entry is a transaction that waits.
type entry struct {
	Candidate
	class Class
	size  int
	// seen is the height at which it was checked last.
	seen int64
	// place in the queue of its class; nil for an ordinary one.
	place *list.Element
}

// Candidate is what a proposer has to know of an urgent transaction.
type Candidate struct {
	// Raw is nil for an ordinary transaction: CometBFT keeps those.
	Raw      []byte
	Gas      uint64
	Signer   string
	Sequence uint64
}

type slot struct {
	signer string
	class  Class
}

// Pool is the application's side of the mempool. It is safe for concurrent use.
type Pool struct {
	limits Limits
	isNode func(context.Context, sdk.AccAddress) bool
	encode sdk.TxEncoder

	mu      sync.Mutex
	entries map[ID]*entry
	queues  [Ordinary]*list.List
	slots   map[slot]int
	txs     [classes]int
	bytes   [classes]int64
}

var _ sdkmempool.ExtMempool = (*Pool)(nil)

// New returns an empty pool. IsNode tells whether an address is a registered
// node's; only nodes have urgent transactions.
func New(limits Limits, isNode func(context.Context, sdk.AccAddress) bool, encode sdk.TxEncoder) *Pool {
	p := &Pool{limits: limits, isNode: isNode, encode: encode, entries: map[ID]*entry{}, slots: map[slot]int{}}
	for c := range p.queues {
		p.queues[c] = list.New()
	}
	return p
}

// Room refuses a new transaction that would be one too many. It is asked before
// the signatures are verified: a flood costs less so, and a sender's sequence in
// the state of the checks is not moved by a transaction that is then refused.
// The context that it returns tells Insert what was found out here.
func (p *Pool) Room(ctx sdk.Context, tx sdk.Tx) (sdk.Context, error) {
	found := p.classify(ctx, tx)
	e := found
	p.mu.Lock()
	defer p.mu.Unlock()
	p.demote(&e)
	return ctx.WithValue(foundKey{}, found), p.room(&e)
}

type foundKey struct{}

// Insert implements sdkmempool.Mempool. Baseapp calls it for what has passed all checks.
func (p *Pool) Insert(ctx context.Context, tx sdk.Tx, option sdkmempool.InsertOption) error {
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	id := ID(sha256.Sum256(sdkCtx.TxBytes()))
	e, ok := sdkCtx.Value(foundKey{}).(entry)
	if !ok {
		e = p.classify(sdkCtx, tx)
	}
	e.Gas = gasOf(tx, option.GasWanted)
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.entries[id]; ok {
		known.seen = e.seen
		return nil
	}
	p.demote(&e)
	if err := p.room(&e); err != nil {
		return err
	}
	p.add(id, &e)
	return nil
}

// Keep notes that a transaction has passed another check and waits on.
func (p *Pool) Keep(ctx sdk.Context) {
	id := ID(sha256.Sum256(ctx.TxBytes()))
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[id]; ok {
		e.seen = ctx.BlockHeight()
	}
}

// Executed takes a block's transactions out, those that failed, too: CometBFT
// keeps none of them either. Now and then it forgets what gives no sign of life.
func (p *Pool) Executed(height int64, txs [][]byte) {
	ids := make([]ID, len(txs))
	for i, raw := range txs {
		ids[i] = sha256.Sum256(raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.remove(id)
	}
	if height%(forgetAfter/10) != 0 {
		return
	}
	for id, e := range p.entries {
		if e.seen+forgetAfter < height {
			p.remove(id)
		}
	}
}

// RemoveWithReason implements sdkmempool.ExtMempool. What is executed is taken
// out by Executed, at once: executed in parallel, every transaction would wait
// here for the others.
func (p *Pool) RemoveWithReason(ctx context.Context, tx sdk.Tx, reason sdkmempool.RemoveReason) error {
	if reason.Caller == sdkmempool.CallerRunTxFinalize {
		return nil
	}
	raw := sdk.UnwrapSDKContext(ctx).TxBytes()
	if len(raw) == 0 {
		return p.Remove(tx)
	}
	p.drop(raw)
	return nil
}

// Remove implements sdkmempool.Mempool.
func (p *Pool) Remove(tx sdk.Tx) error {
	raw, err := p.encode(tx)
	if err != nil {
		return err
	}
	p.drop(raw)
	return nil
}

func (p *Pool) drop(raw []byte) {
	id := ID(sha256.Sum256(raw))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(id)
}

// CountTx implements sdkmempool.Mempool.
func (p *Pool) CountTx() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries)
}

// Count tells how many of a class wait.
func (p *Pool) Count(c Class) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.txs[c]
}

// Gas tells how much gas a waiting transaction wants. It was decoded when it came.
func (p *Pool) Gas(raw []byte) (uint64, bool) {
	id := ID(sha256.Sum256(raw))
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[id]; ok {
		return e.Gas, true
	}
	return 0, false
}

// Urgent returns those of an urgent class, in the order in which they came.
func (p *Pool) Urgent(c Class) []Candidate {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Candidate, 0, p.queues[c].Len())
	for e := range elements(p.queues[c]) {
		out = append(out, e.Candidate)
	}
	return out
}

func (p *Pool) add(id ID, e *entry) {
	if e.class < Ordinary {
		p.slots[slot{e.Signer, e.class}]++
		e.place = p.queues[e.class].PushBack(e)
	}
	p.entries[id] = e
	p.txs[e.class]++
	p.bytes[e.class] += int64(e.size)
}

func (p *Pool) remove(id ID) {
	e, ok := p.entries[id]
	if !ok {
		return
	}
	delete(p.entries, id)
	p.txs[e.class]--
	p.bytes[e.class] -= int64(e.size)
	if e.place == nil {
		return
	}
	p.queues[e.class].Remove(e.place)
	s := slot{e.Signer, e.class}
	if p.slots[s]--; p.slots[s] == 0 {
		delete(p.slots, s)
	}
}

func elements(l *list.List) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for at := l.Front(); at != nil; at = at.Next() {
			if e, ok := at.Value.(*entry); ok && !yield(e) {
				return
			}
		}
	}
}

// Select implements sdkmempool.Mempool. Nothing calls it: the application's own
// proposals are made by Block.
func (p *Pool) Select(context.Context, [][]byte) sdkmempool.Iterator { return nil }

// SelectBy implements sdkmempool.ExtMempool as Select does.
func (p *Pool) SelectBy(context.Context, [][]byte, func(sdkmempool.PooledTx) bool) {}
