package session

import (
	"io"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// NodeConfig is a node that answers calls.
type NodeConfig struct {
	ChainID string
	Key     receipt.Signer
	Public  receipt.PublicKey // of Key
	Chain   Chain
	Store   ledger.Store
	Now     func() time.Time
	Random  io.Reader // of the salts

	// Credit is what a lane may have delivered beyond its best voucher, uemc. It is what a stranger can take. All calls of a
	// lane share it: with less than a few pieces for each that runs, they spend their time waiting for vouchers.
	Credit uint64
	// Unwritten is what a lane may have delivered beyond what is written down, uemc. It is what a kill of the node costs.
	Unwritten uint64
	// Margin before a session's end, within which nothing is admitted or delivered.
	Margin time.Duration
	// MaxRunning calls of one lane; 256 when zero.
	MaxRunning int
	// Direct admits calls without a router. Nothing covers their vouchers.
	Direct bool
	// Price refuses an app, or a maximum price; nil takes all. With ErrBusy it turns away for now.
	Price func(app string, maxPrice uint64) error
}

// Node admits calls, delivers them within its credit, and keeps receipts and vouchers. It is safe for concurrent use.
type Node struct {
	cfg NodeConfig

	mu     sync.Mutex
	lanes  map[receipt.Lane]*tray
	unpaid map[receipt.Address]uint64 // router → sum of its unredeemed vouchers over all sessions, uemc
}

// NewNode opens a node's ledger. Two processes never share one.
func NewNode(cfg NodeConfig) (*Node, error) {
	if cfg.MaxRunning == 0 {
		cfg.MaxRunning = 256
	}
	if cfg.ChainID == "" || cfg.Key == nil || cfg.Public.Bytes() == nil || cfg.Chain == nil || cfg.Now == nil || cfg.Random == nil {
		return nil, wrap(ErrConfig, "a node needs a chain, a key, a clock and randomness")
	}
	if cfg.Credit == 0 || cfg.Credit > receipt.MaxNumber || cfg.Unwritten == 0 || cfg.Margin < 0 || cfg.MaxRunning < 0 || cfg.MaxRunning > MaxRunning {
		return nil, wrap(ErrConfig, "credit and what may be unwritten are above 0, the margin is not below, and at most %d calls run in a lane", MaxRunning)
	}
	if err := claim(cfg.Store, "node", cfg.ChainID, cfg.Public.Bytes()); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, lanes: make(map[receipt.Lane]*tray), unpaid: make(map[receipt.Address]uint64)}
	return n, n.load()
}

func (n *Node) load() error {
	err := n.cfg.Store.Iterate([]byte(kindTill), func(key, value []byte) error {
		id, err := laneOfKey(kindTill, key)
		if err != nil {
			return err
		}
		t, err := decodeTill(value)
		if err != nil {
			return err
		}
		n.lanes[id] = newTray(n, id, t)
		n.unpaid[id.Router] += t.due()
		return nil
	})
	if err != nil {
		return ledgerError(err)
	}
	err = n.cfg.Store.Iterate([]byte(kindRunning), func(_, value []byte) error {
		c, err := decodeRunning(value)
		if err != nil {
			return err
		}
		t := n.lanes[c.request.Lane]
		if t == nil {
			return wrap(ErrLedger, "a running call without a lane")
		}
		// Whoever ran it is gone. The receipt follows when the customer asks: he knows how far it came.
		t.running[c.request.Nonce] = &NodeCall{tray: t, runningCall: c, written: c.delivered, dead: true, gone: make(chan struct{})}
		return nil
	})
	if err != nil {
		return ledgerError(err)
	}
	return n.retireMarked()
}

// tray is a lane in the node's memory.
type tray struct {
	node *Node
	id   receipt.Lane

	mu      sync.Mutex
	till    till
	running map[uint64]*NodeCall
	sent    uint64     // delivered in this life of the node, uemc
	kept    uint64     // of it, what is durable
	staged  staged     // the newest write that nobody waits for
	queue   []*waiting // the longest first
	until   time.Time  // of the session, as last seen, less the margin
	broken  error
}

func newTray(n *Node, id receipt.Lane, t till) *tray {
	return &tray{node: n, id: id, till: t, running: make(map[uint64]*NodeCall)}
}

// tray finds a lane, or begins one; what is not in the ledger yet costs nothing but memory while it is used. A lane of a
// session that was forgotten is broken.
func (n *Node) tray(id receipt.Lane) *tray {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.lanes[id]
	if t == nil {
		t = newTray(n, id, till{})
		if t.broken = unmarked(n.cfg.Store, kindDropped, id.Session); t.broken == nil {
			n.lanes[id] = t
		}
	}
	return t
}

// delivered is what running calls were given, uemc. It is called with the lock held.
func (t *tray) delivered() (sum uint64) {
	for _, c := range t.running {
		sum += c.delivered
	}
	return sum
}

// fits says whether more can be delivered within the credit.
func (t *tray) fits(more uint64) bool {
	used, limit := t.till.issued+t.delivered(), t.till.best.Amount+t.node.cfg.Credit
	return used <= limit && more <= limit-used
}

// staged is a write with what was sent by then.
type staged struct {
	ledger.Write
	sent uint64
}

// write makes a new standing and other records durable, with how far the running calls are. It is called with the lock held.
func (t *tray) write(next till, ops ...ledger.Op) error {
	w, err := t.stage(next, ops...)
	if err != nil {
		return err
	}
	return t.judged(w.sent, w.Wait())
}

// stage makes a new standing true, and puts it on its way to the disk. What others write later comes after it. It is called
// with the lock held.
func (t *tray) stage(next till, ops ...ledger.Op) (staged, error) {
	if err := t.usable(); err != nil {
		return staged{}, err
	}
	value, err := next.encode()
	if err != nil {
		return staged{}, err
	}
	ops = append(ops, ledger.Op{Key: laneKey(kindTill, t.id), Value: value})
	for nonce, c := range t.running {
		if c.written == c.delivered || c.over {
			continue
		}
		value, err := c.encode()
		if err != nil {
			return staged{}, err
		}
		// In front: an op that ends the call overrules it.
		ops = append([]ledger.Op{{Key: laneKey(kindRunning, t.id, nonce), Value: value}}, ops...)
		c.written = c.delivered
	}
	t.till = next
	t.staged = staged{t.node.cfg.Store.Queue(ops...), t.sent}
	return t.staged, nil
}

// usable is called with the lock held.
func (t *tray) usable() error {
	if t.broken == nil {
		t.broken = ledgerError(t.node.cfg.Store.Err())
	}
	return t.broken
}

// unwritten is what was delivered and is not durable, uemc. It is called with the lock held.
func (t *tray) unwritten() uint64 {
	if t.staged.Write != nil && t.kept < t.staged.sent && t.staged.Durable() {
		t.kept = t.staged.sent
	}
	return t.sent - t.kept
}

// judged notes that what was sent by then is durable, or ends the lane when the ledger failed: what is in memory is not
// what is durable then. Calls that wait may go on: it is paid, a call that failed costs nothing, or nothing goes on at all.
func (t *tray) judged(sent uint64, err error) error {
	defer t.wake()
	if err == nil {
		t.kept = max(t.kept, sent)
		return nil
	}
	if t.broken == nil {
		t.broken = ledgerError(err)
	}
	return t.broken
}
