package chainclient

import (
	"bytes"
	"context"
	"crypto/rand"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const (
	// nodesPage and nodesPages bound what one look for routers reads.
	nodesPage  = 200
	nodesPages = 10
	// addressLength is of a node's address, by which the chain's list of nodes is in order.
	addressLength = 20
)

// Routers lists routers that are online: all of them, or about as many as wanted. The list is read from another place each
// time, so that whoever asks for a few does not get the same few as everybody else.
func (c *Client) Routers(ctx context.Context, wanted int) ([]computetypes.NodeView, error) {
	start := make([]byte, addressLength)
	if _, err := rand.Read(start); err != nil {
		return nil, err
	}
	return routersFrom(ctx, computetypes.NewQueryClient(c.Conn()), start, wanted)
}

// routersFrom goes through the nodes from a place in their order on, and once round.
func routersFrom(ctx context.Context, chain computetypes.QueryClient, start []byte, wanted int) (out []computetypes.NodeView, err error) {
	key, round := start, false
	for range nodesPages {
		answer, err := chain.Nodes(ctx, &computetypes.QueryNodesRequest{Pagination: &query.PageRequest{Key: key, Limit: nodesPage}})
		if err != nil {
			return out, plain(err)
		}
		for _, v := range answer.Nodes {
			address, err := sdk.AccAddressFromBech32(v.Node.Address)
			if err != nil {
				return out, err
			}
			if round && bytes.Compare(address, start) >= 0 {
				return out, nil
			}
			if v.Node.Role == computetypes.ROLE_ROUTER && v.Online && !v.Node.Jailed && !v.Node.Retiring {
				out = append(out, v)
			}
		}
		if len(out) >= wanted {
			return out, nil
		}
		if answer.Pagination != nil {
			key = answer.Pagination.NextKey
		} else {
			key = nil
		}
		if len(key) == 0 {
			if round {
				return out, nil
			}
			round = true
		}
	}
	return out, nil
}
