package events

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/feed"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// chain has blocks 1 to 8, of which Watch leaves some out, and whose events come late.
type chain struct {
	t     *testing.T
	asked map[int64]int
}

func (c *chain) Watch(ctx context.Context, fn func(chainclient.Head)) {
	for _, h := range []int64{5, 8} {
		fn(chainclient.Head{ChainID: "emc-1", Height: h, Time: time.Unix(h, 0).UTC()})
	}
	<-ctx.Done()
}

func (c *chain) Events(_ context.Context, height int64) ([]abci.Event, int, error) {
	if c.asked[height]++; c.asked[height] == 1 {
		return nil, 0, errors.New("could not find results for the height")
	}
	typed := func(m interface {
		Reset()
		String() string
		ProtoMessage()
	}) abci.Event {
		e, err := sdk.TypedEventToEvent(m)
		require.NoError(c.t, err)
		return abci.Event(e.AppendAttributes(sdk.NewAttribute("mode", "EndBlock"), sdk.NewAttribute("msg_index", "0")))
	}
	switch height {
	case 6:
		return []abci.Event{typed(&poctypes.EventWindowOpened{Window: 6, ClosesAt: 16}), typed(&poctypes.EventBeacon{Value: []byte("x")})}, 2, nil
	case 7:
		return []abci.Event{typed(&computetypes.EventNodeJailed{Node: "emc1node", Reason: "wrong"}), {Type: "transfer"}}, 1, nil
	}
	return nil, 0, nil
}

// Every block is told, also those that were left out, and of its events those about windows, nodes and apps.
func TestFollow(t *testing.T) {
	f := feed.New(feed.Default())
	server := httptest.NewServer(f)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer answer.Body.Close()
	ended := make(chan struct{})
	go func() { defer close(ended); Follow(ctx, &chain{t, map[int64]int{}}, f, slog.New(slog.DiscardHandler)) }()
	var got []string
	_ = feed.Read(answer.Body, func(e feed.Event) error {
		got = append(got, e.Kind+" "+string(e.Data))
		if len(got) == 7 {
			cancel()
		}
		return nil
	})
	<-ended
	require.Equal(t, []string{
		`reset {"things":0}`,
		`block {"chain_id":"emc-1","height":5,"time":"1970-01-01T00:00:05Z","txs":0}`,
		`block {"chain_id":"emc-1","height":6,"txs":2}`,
		`window_opened {"beacon":null,"closes_at":"16","height":6,"window":"6"}`,
		`block {"chain_id":"emc-1","height":7,"txs":1}`,
		`node_jailed {"height":7,"node":"emc1node","reason":"wrong","until":"0"}`,
		`block {"chain_id":"emc-1","height":8,"time":"1970-01-01T00:00:08Z","txs":0}`,
	}, got)
}
