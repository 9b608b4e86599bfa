package chainclient

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// paged is a chain that lists its nodes in the order of their addresses, from any key on.
type paged struct {
	computetypes.QueryClient
	nodes []computetypes.NodeView
	asked int
}

func addressOf(v computetypes.NodeView) []byte { return sdk.MustAccAddressFromBech32(v.Node.Address) }

func (p *paged) Nodes(_ context.Context, r *computetypes.QueryNodesRequest, _ ...grpc.CallOption) (*computetypes.QueryNodesResponse, error) {
	p.asked++
	at := 0
	for at < len(p.nodes) && bytes.Compare(addressOf(p.nodes[at]), r.Pagination.Key) < 0 {
		at++
	}
	end := min(at+int(r.Pagination.Limit), len(p.nodes))
	out := &computetypes.QueryNodesResponse{Nodes: p.nodes[at:end], Pagination: &query.PageResponse{}}
	if end < len(p.nodes) {
		out.Pagination.NextKey = addressOf(p.nodes[end])
	}
	return out, nil
}

// nodes are so many, of which each step-th is a router.
func nodes(count, step int) *paged {
	p := &paged{}
	for i := range count {
		address := make([]byte, addressLength)
		address[0], address[1], address[2] = byte(i>>8)+1, byte(i), 7
		v := computetypes.NodeView{Node: computetypes.Node{Address: sdk.AccAddress(address).String(), Role: computetypes.ROLE_COMPUTING}, Online: true}
		if i%step == 0 {
			v.Node.Role = computetypes.ROLE_ROUTER
		}
		p.nodes = append(p.nodes, v)
	}
	return p
}

func from(first, second byte) []byte {
	start := make([]byte, addressLength)
	start[0], start[1] = first, second
	return start
}

func TestRouters(t *testing.T) {
	list := func(p *paged, start []byte, wanted int) (out []string) {
		got, err := routersFrom(t.Context(), p, start, wanted)
		require.NoError(t, err)
		for _, v := range got {
			require.Equal(t, computetypes.ROLE_ROUTER, v.Node.Role)
			out = append(out, v.Node.Address)
		}
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(out))), len(out), "one is listed twice")
		return out
	}
	// All of them, wherever the look begins; also behind the last node.
	for _, start := range [][]byte{from(0, 0), from(1, 1), from(2, 150), from(255, 0)} {
		require.Len(t, list(nodes(500, 10), start, 1_000), 50)
	}
	// From a place on, and no more pages than it takes.
	many := nodes(5_000, 10)
	got := list(many, from(3, 0), 20)
	require.Len(t, got, 20)
	require.Equal(t, 1, many.asked)
	require.GreaterOrEqual(t, bytes.Compare(sdk.MustAccAddressFromBech32(got[0]), from(3, 0)), 0)
	require.NotEqual(t, got, list(many, from(9, 0), 20), "everybody gets the same few")
	// A look is bounded.
	rare := nodes(60_000, 50_000)
	require.Empty(t, list(rare, from(3, 0), 20))
	require.Equal(t, nodesPages, rare.asked)
	// Who is away, jailed or leaving is none.
	few := nodes(40, 10)
	few.nodes[0].Online, few.nodes[10].Node.Jailed, few.nodes[20].Node.Retiring = false, true, true
	require.Equal(t, []string{few.nodes[30].Node.Address}, list(few, from(1, 15), 20))
	require.Empty(t, list(nodes(0, 1), from(1, 1), 20))
}
