package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// chain is the network, which one schedule may take away from all others.
type chain struct {
	net *rig.Network
	// front is how everybody else reaches the network: what it says of addresses
	// never changes while the network is away.
	front *rig.Network
	// state is what the network's stateFile says of it.
	state  []byte
	ledger *ledger

	// mu is held for writing while the network is away, so that questions wait
	// instead of failing.
	mu      sync.RWMutex
	outages []outage
}

// grace is how long a program may take to end by SIGTERM on a loaded machine.
const grace = time.Minute

// outage is a time in which the network did not serve.
type outage struct{ from, to time.Time }

// stateFile is where a network keeps its addresses while it runs.
const stateFile = "localnet.json"

func newChain(net *rig.Network) (*chain, error) {
	state, err := os.ReadFile(filepath.Join(net.Home, stateFile))
	return &chain{net: net, state: state, ledger: newLedger(), front: &rig.Network{Info: net.Info, Bin: net.Bin, Home: net.Home, Config: net.Config}}, err
}

// ask runs a question while the network is there.
func (c *chain) ask(question func(*rig.Network) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return question(c.front)
}

// eventually asks until the answer is as wished.
func (c *chain) eventually(ctx context.Context, within time.Duration, what string, condition func(*rig.Network) (bool, error)) error {
	return rig.Eventually(ctx, within, what, func() (ok bool, err error) {
		err = c.ask(func(n *rig.Network) error {
			ok, err = condition(n)
			return err
		})
		return ok, err
	})
}

// strike takes the network away from everybody and brings it back, whatever
// else goes wrong.
func (c *chain) strike(ctx context.Context, b Blow) (wrong error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := time.Now()
	defer func() { c.outages = append(c.outages, outage{from, time.Now()}) }()
	switch b.How {
	case Pause:
		c.net.Process().Pause()
		err := sleep(ctx, b.Down)
		c.net.Process().Resume()
		return err
	case Term:
		wrong = end("network", c.net.Process(), grace)
	default:
		c.net.Kill()
	}
	_ = sleep(ctx, b.Down) // a schedule whose time is over leaves the network to the others
	return errors.Join(wrong, c.start(context.WithoutCancel(ctx)))
}

// start brings the network back where it was: the workers know no other place.
// A network that was ended properly has forgotten where it listened, and is
// told; a port that somebody else took meanwhile is waited for.
func (c *chain) start(ctx context.Context) error {
	for range 30 {
		if err := os.WriteFile(filepath.Join(c.net.Home, stateFile), c.state, 0o644); err != nil {
			return err
		}
		if err := c.net.Start(ctx); err != nil {
			return err
		}
		if c.net.Info == c.front.Info {
			return nil
		}
		c.net.Kill()
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("the network's ports %v stay taken by somebody else", c.front.Info)
}

// away is how long the network did not serve between two moments.
func (c *chain) away(from, to time.Time) (sum time.Duration) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, o := range c.outages {
		start, end := o.from, o.to
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(start) {
			sum += end.Sub(start)
		}
	}
	return sum
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
