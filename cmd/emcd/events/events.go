// Package events tells what happens on the chain, block by block, as a feed: blocks,
// windows of the proof of computing, and what changes about nodes and apps. It asks any
// node's RPC, in a process of its own: however many follow it, no validator is busy with
// them.
package events

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cosmos/gogoproto/proto"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/feed"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	// behind is how many blocks are made up for. Whoever was away for longer looks at the state.
	behind = 100
	// tries are made at a block whose events the node does not have yet: it tells of a block first.
	tries = 20
	again = 100 * time.Millisecond
)

// lasting are told to who comes later, too: the last of each.
var lasting = kinds(&poctypes.EventWindowOpened{}, &poctypes.EventWindowDrawn{}, &poctypes.EventWindowClosed{}, &poctypes.EventWindowVoid{})

// passing are told to who is there.
var passing = kinds(
	&poctypes.EventNodeSettled{}, &poctypes.EventProofWrong{},
	&computetypes.EventNodeRegistered{}, &computetypes.EventNodeUpdated{}, &computetypes.EventNodeRetired{}, &computetypes.EventStaked{}, &computetypes.EventUnstaked{},
	&computetypes.EventNodeSlashed{}, &computetypes.EventNodeJailed{}, &computetypes.EventNodeUnjailed{}, &computetypes.EventAppRegistered{}, &computetypes.EventStandstill{},
)

// kinds maps a typed event's name to its kind: emc.poc.v1.EventWindowOpened is window_opened.
func kinds(of ...proto.Message) map[string]string {
	out := map[string]string{}
	for _, m := range of {
		full := proto.MessageName(m)
		var kind strings.Builder
		for i, c := range strings.TrimPrefix(full[strings.LastIndexByte(full, '.')+1:], "Event") {
			if c >= 'A' && c <= 'Z' {
				if i > 0 {
					kind.WriteByte('_')
				}
				c += 'a' - 'A'
			}
			kind.WriteRune(c)
		}
		out[full] = kind.String()
	}
	return out
}

// Chain is asked for blocks. *chainclient.Client is one.
type Chain interface {
	Watch(ctx context.Context, fn func(chainclient.Head))
	Events(ctx context.Context, height int64) (events []abci.Event, txs int, err error)
}

// block is told of each.
type block struct {
	ChainID string    `json:"chain_id"`
	Height  int64     `json:"height"`
	Time    time.Time `json:"time,omitzero"` // not of one that is made up for
	Txs     int       `json:"txs"`
}

// Follow fills a feed until ctx ends, and closes it then.
func Follow(ctx context.Context, chain Chain, to *feed.Feed, log *slog.Logger) {
	defer to.Close()
	last := int64(0)
	chain.Watch(ctx, func(h chainclient.Head) {
		if last == 0 || h.Height-last > behind {
			last = h.Height - 1
		}
		for last < h.Height && ctx.Err() == nil {
			at := block{ChainID: h.ChainID, Height: last + 1}
			if at.Height == h.Height {
				at.Time = h.Time
			}
			events, txs, err := eventsOf(ctx, chain, at.Height)
			if err != nil {
				if ctx.Err() == nil {
					log.Warn("a block is not told", "height", at.Height, "error", err)
				}
				return // the next block has it tried again
			}
			last, at.Txs = at.Height, txs
			if err := tell(to, at, events); err != nil {
				log.Warn("not all of a block is told", "height", at.Height, "error", err)
			}
		}
	})
}

func eventsOf(ctx context.Context, chain Chain, height int64) (events []abci.Event, txs int, err error) {
	for range tries {
		if events, txs, err = chain.Events(ctx, height); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(again):
		}
	}
	return events, txs, err
}

func tell(to *feed.Feed, at block, events []abci.Event) (failed error) {
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	note(to.Put(feed.Thing{Kind: "block", Data: at}))
	for _, e := range events {
		if kind := lasting[e.Type]; kind != "" {
			note(to.Put(feed.Thing{Kind: kind, Data: fields(e, at.Height)}))
		} else if kind := passing[e.Type]; kind != "" {
			note(to.Say(kind, fields(e, at.Height)))
		}
	}
	return failed
}

// fields are a typed event's, which are JSON each, and the block's height. What the SDK adds is not.
func fields(e abci.Event, height int64) map[string]any {
	out := map[string]any{}
	for _, a := range e.Attributes {
		if a.Key != "mode" && a.Key != "msg_index" && json.Valid([]byte(a.Value)) {
			out[a.Key] = json.RawMessage(a.Value)
		}
	}
	out["height"] = height
	return out
}
