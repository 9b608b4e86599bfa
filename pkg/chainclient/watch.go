package chainclient

import (
	"context"
	"sync/atomic"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"
)

const newHeaders = "tm.event = 'NewBlockHeader'"

// Watch calls fn for new blocks, in order, until ctx ends. Blocks may be left
// out: the newest state is what counts. It listens to the node's events and
// asks by itself whenever none came for the poll interval, so that it depends
// on neither alone; a node that went away is tried again until it is back.
func (c *Client) Watch(ctx context.Context, fn func(Head)) {
	heads := make(chan Head, 1)
	var heard atomic.Int64 // when the last event came, in Unix milliseconds
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.listen(ctx, func(h Head) {
			heard.Store(time.Now().UnixMilli())
			offer(ctx, heads, h)
		})
	}()
	defer func() { <-done }()

	poll := time.NewTicker(c.cfg.PollInterval)
	defer poll.Stop()
	_ = c.poll(ctx, heads) // the loop polls again, and says what is wrong
	last, silent := int64(0), false
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-heads:
			if silent {
				c.cfg.Logger.Info("the chain's node answers again", "rpc", c.cfg.RPC, "height", h.Height)
				silent = false
			}
			if h.Height > last {
				last = h.Height
				fn(h)
			}
		case <-poll.C:
			if time.Since(time.UnixMilli(heard.Load())) < c.cfg.PollInterval {
				continue
			}
			if err := c.poll(ctx, heads); err != nil && ctx.Err() == nil && !silent {
				silent = true
				c.cfg.Logger.Warn("the chain's node does not answer; trying again until it does", "rpc", c.cfg.RPC, "error", err)
			}
		}
	}
}

func (c *Client) poll(ctx context.Context, heads chan Head) error {
	h, err := c.CheckChain(ctx)
	if err != nil {
		return err
	}
	offer(ctx, heads, h)
	return nil
}

// offer puts h in a channel of one, in place of what nobody has taken yet.
func offer(ctx context.Context, heads chan Head, h Head) {
	for {
		select {
		case heads <- h:
			return
		case <-ctx.Done():
			return
		default:
		}
		select {
		case <-heads:
		default:
		}
	}
}

// listen reads events from one connection after another.
func (c *Client) listen(ctx context.Context, fn func(Head)) {
	for ctx.Err() == nil {
		c.listenOnce(ctx, fn)
		select {
		case <-ctx.Done():
		case <-time.After(c.cfg.PollInterval):
		}
	}
}

// listenOnce ends when the connection fails or stays silent for long: a
// half-open connection is otherwise never noticed.
func (c *Client) listenOnce(ctx context.Context, fn func(Head)) {
	rpc, err := newRPC(c.cfg.RPC)
	if err != nil || rpc.Start() != nil {
		return
	}
	defer func() { _ = rpc.Stop() }()
	events, err := rpc.Subscribe(ctx, "emc", newHeaders, 16)
	if err != nil {
		return
	}
	silence := time.NewTimer(10 * c.cfg.PollInterval)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-silence.C:
			return
		case e := <-events:
			data, ok := e.Data.(cmttypes.EventDataNewBlockHeader)
			if !ok || (c.cfg.ChainID != "" && data.Header.ChainID != c.cfg.ChainID) {
				continue
			}
			silence.Reset(10 * c.cfg.PollInterval)
			fn(Head{ChainID: data.Header.ChainID, Height: data.Header.Height, Time: data.Header.Time})
		}
	}
}
