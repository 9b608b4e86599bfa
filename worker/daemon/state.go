package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/outbox"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// rulesInterval is how often the chain's parameters are read again.
const rulesInterval = time.Minute

// chainState is what the daemon last saw of the chain.
type chainState struct {
	head   chainclient.Head
	headAt time.Time // by this machine's clock
	node   computetypes.NodeView
	// known is set when the node is registered; problem says why not.
	known   bool
	problem error
	rules   computetypes.Params
	rulesAt time.Time
}

// onBlock reads the node's state, reports if it is time, and wakes the others.
func (d *Daemon) onBlock(ctx context.Context, h chainclient.Head) {
	d.mu.Lock()
	s := d.state
	d.mu.Unlock()
	s.head, s.headAt = h, time.Now()
	if time.Since(s.rulesAt) > rulesInterval {
		if rules, err := d.chain.Params(ctx); err == nil {
			s.rules, s.rulesAt = rules, time.Now()
			d.pinApps(ctx)
		} else if ctx.Err() == nil {
			d.log.Warn("the chain's rules cannot be read", "error", err)
		}
	}
	node, err := d.chain.Node(ctx, d.node)
	switch {
	case err == nil:
		s.node, s.known, s.problem = node, true, nil
	case errors.Is(err, chainclient.ErrNotFound):
		if s.problem == nil {
			d.log.Warn("this node is not registered; its operator registers it with `emc-worker register`", "node", d.node)
		}
		s.known, s.problem = false, fmt.Errorf("node %s is not registered on chain %s", d.node, h.ChainID)
	default:
		s.problem = err
	}
	d.mu.Lock()
	d.state = s
	d.mu.Unlock()
	d.tellPower(h) // first: a window's end is a matter of one block
	if s.rulesAt.IsZero() {
		return // nothing can be judged without the rules
	}
	if err := d.reportIfDue(s); err != nil {
		d.log.Error("the status report cannot be queued", "error", err)
	}
	d.announceReady(s)
	d.loop.Wake()
	d.outbox.Wake()
}

func (d *Daemon) snapshot() chainState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// now is the chain's time: the newest block's, and what has passed since, but
// no more than a block may take: while the network stands still, no deadline
// runs on.
func (d *Daemon) now() time.Time {
	s := d.snapshot()
	if s.headAt.IsZero() {
		return time.Now()
	}
	return s.head.Time.Add(min(time.Since(s.headAt), computetypes.MaxBlockGap*time.Second))
}

func (d *Daemon) rules() computetypes.Params {
	s := d.snapshot()
	if s.rulesAt.IsZero() {
		return computetypes.DefaultParams()
	}
	return s.rules
}

func (d *Daemon) slots() int {
	if s := d.snapshot(); s.known {
		return int(s.node.Node.Offer.Slots)
	}
	return int(d.opts.Config.Offer.Slots)
}

// slotMemory is a slot's share of the machine, as the chain matches by it.
func (d *Daemon) slotMemory() int64 { return d.memory / int64(max(d.slots(), 1)) }

// slotCPUs is a slot's share of the processors.
func (d *Daemon) slotCPUs() float64 { return d.cpus / float64(max(d.slots(), 1)) }

// granter is who pays the fees: the operator, unless configured otherwise.
func (d *Daemon) granter(context.Context) (sdk.AccAddress, error) {
	if a := d.opts.Config.Chain.FeeGranter; a != "" {
		return sdk.AccAddressFromBech32(a)
	}
	s := d.snapshot()
	if !s.known {
		if s.problem != nil {
			return nil, s.problem
		}
		return nil, errors.New("the chain has not been heard yet")
	}
	return sdk.AccAddressFromBech32(s.node.Node.Operator)
}

// queue is the outbox as the reconcile loop sees it.
type queue struct{ d *Daemon }

func (q queue) Put(key string, msg sdk.Msg) (bool, error) { return q.d.queue.Put(key, msg) }
func (q queue) Wake()                                     { q.d.outbox.Wake() }
func (q queue) Waiting() (map[string]bool, error)         { return q.d.queue.Waiting() }

// urgent is the outbox as the proof loop sees it.
type urgent struct{ queue }

func (u urgent) Wake() { u.d.outbox.Urge() }

func (d *Daemon) sent(in chainclient.Included) { d.metrics.sent(in); d.loop.Wake() }
func dropped(why string) outbox.Outcome        { return outbox.Outcome{Dropped: why} }
