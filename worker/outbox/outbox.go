package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
)

const (
	// timeoutBlocks is how many blocks a transaction may wait.
	timeoutBlocks = 12
	// batch bounds the messages of one transaction.
	batch = 16
	// ask is how often a transaction in flight is looked for.
	ask = 300 * time.Millisecond
	// firstPause and longestPause bound the wait after a failure.
	firstPause, longestPause = time.Second, 30 * time.Second
)

// Config is what an Outbox needs.
type Config struct {
	Chain  Chain
	Spool  Spool
	Signer chainclient.Signer
	// Granter pays the fees; nil when the node pays itself.
	Granter func(ctx context.Context) (sdk.AccAddress, error)
	// GasAdjustment multiplies the simulated gas.
	GasAdjustment float64
	// Now is the clock for pauses; time.Now when nil.
	Now    func() time.Time
	Logger *slog.Logger
	// Later tells which messages are to wait now for more urgent ones that are about
	// to come. It may be nil.
	Later func(msg sdk.Msg) bool
	// Sent is told of each transaction that a block holds. It may be nil.
	Sent func(included chainclient.Included)
}

// Outbox sends what is in the spool.
type Outbox struct {
	cfg  Config
	self string
	wake chan struct{}
	urge chan struct{}

	mu     sync.Mutex // one step at a time
	pauses map[string]pause
	boost  float64 // of gas, after a transaction ran out of it
	sent   bool    // the flight's bytes have left this process
	seen   int64   // height of the last broadcast of the flight
	trying error
	status sync.Mutex // guards trying
}

type pause struct {
	until time.Time
	next  time.Duration
}

// New returns an outbox. Run makes it work.
func New(cfg Config) *Outbox {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.GasAdjustment == 0 {
		cfg.GasAdjustment = 1.5
	}
	return &Outbox{
		cfg: cfg, self: chainclient.Address(cfg.Signer).String(),
		wake: make(chan struct{}, 1), urge: make(chan struct{}, 1), pauses: map[string]pause{}, boost: 1,
	}
}

// Wake has the outbox look at the spool and the chain now. Who puts messages
// into the spool calls it after the last one, so that those which belong
// together reach the chain together.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Urge is Wake for a message that loses its purpose within seconds: it does not
// wait for the end of a pause after a failure either.
func (o *Outbox) Urge() {
	select {
	case o.urge <- struct{}{}:
	default:
	}
}

// Problem is why messages wait, nil while all is well.
func (o *Outbox) Problem() error {
	o.status.Lock()
	defer o.status.Unlock()
	return o.trying
}

// Run sends until ctx ends. It returns nil then; every failure is tried again.
func (o *Outbox) Run(ctx context.Context) error {
	wait := firstPause
	for {
		again, err := o.Step(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopping is what was asked for
		}
		o.note(err)
		var pause time.Duration
		switch {
		case err != nil:
			pause, wait = wait, min(2*wait, longestPause)
		case again:
			pause, wait = ask, firstPause
		default:
			pause, wait = longestPause, firstPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-o.wakeUnless(err):
		case <-o.urge:
		}
		timer.Stop()
	}
}

// wakeUnless ignores wake-ups while a failure is waited out: new blocks come
// every second, and a chain that refuses is not to be flooded.
func (o *Outbox) wakeUnless(err error) <-chan struct{} {
	if err != nil {
		return nil
	}
	return o.wake
}

func (o *Outbox) note(err error) {
	o.status.Lock()
	defer o.status.Unlock()
	switch {
	case err != nil && (o.trying == nil || o.trying.Error() != err.Error()):
		o.cfg.Logger.Warn("messages to the chain are waiting; trying again until they are through", "error", err)
	case err == nil && o.trying != nil:
		o.cfg.Logger.Info("messages to the chain go through again")
	}
	o.trying = err
}

// Step does what can be done now. Again is set while something is under way.
func (o *Outbox) Step(ctx context.Context) (again bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	flight, err := o.cfg.Spool.InFlight()
	if err != nil {
		return false, err
	}
	if flight != nil {
		landed, err := o.settle(ctx, *flight)
		if err != nil || !landed {
			return true, err
		}
	}
	return o.send(ctx)
}

// Alone runs fn while no transaction of the outbox is under way or begun, so that
// fn can send one of its own with the same account.
func (o *Outbox) Alone(ctx context.Context, fn func() error) error {
	for {
		done, err := o.alone(ctx, fn)
		if done || err != nil {
			return err
		}
		wait := time.NewTimer(ask)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

func (o *Outbox) alone(ctx context.Context, fn func() error) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	flight, err := o.cfg.Spool.InFlight()
	if err != nil {
		return false, err
	}
	if flight != nil {
		if landed, err := o.settle(ctx, *flight); err != nil || !landed {
			return false, err
		}
	}
	return true, fn()
}

// send puts what waits into a transaction.
func (o *Outbox) send(ctx context.Context) (again bool, err error) {
	ready, err := o.ready(ctx)
	if err != nil || len(ready) == 0 {
		return false, err
	}
	head, err := o.cfg.Chain.Head(ctx)
	if err != nil {
		return false, err
	}
	draft, keys, err := o.draft(ctx, ready)
	if err != nil || len(keys) == 0 {
		return false, err
	}
	// What comes too late is not to stand in the way of what comes next.
	last := head.Height + timeoutBlocks
	if until := ready[0].Until; until > 0 {
		last = min(last, until)
	}
	draft.TimeoutHeight = uint64(last)
	bytes, err := o.cfg.Chain.Sign(ctx, draft, o.cfg.Signer)
	if err != nil {
		return false, err
	}
	flight := Flight{
		Bytes: bytes, Hash: chainclient.Hash(bytes), Sequence: draft.Account.Sequence,
		TimeoutHeight: last, Keys: keys,
	}
	if err := o.cfg.Spool.SetInFlight(flight); err != nil {
		return false, err
	}
	o.sent, o.seen = false, head.Height
	o.cfg.Logger.Debug("transaction", "hash", flight.Hash, "messages", keys, "gas", draft.Gas)
	return true, o.broadcast(ctx, flight)
}

// broadcast hands the flight over. When the node refuses bytes that never left
// this machine before, they can be forgotten: nobody else has them.
func (o *Outbox) broadcast(ctx context.Context, f Flight) error {
	err := o.cfg.Chain.Broadcast(ctx, f.Bytes)
	var refused *chainclient.Rejection
	switch {
	case err == nil:
		o.sent = true
		return nil
	case errors.As(err, &refused) && !o.sent && o.seen != 0:
		return errors.Join(fmt.Errorf("the chain's node refused a transaction: %w", err), o.cfg.Spool.Release(f.Hash))
	}
	o.sent = true // perhaps: from here on only the timeout height tells
	return err
}
