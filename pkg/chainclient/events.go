package chainclient

import (
	"context"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"
)

// Events returns what happened in a block, in its order, and how many transactions it had. Those that failed have none.
func (c *Client) Events(ctx context.Context, height int64) (events []abci.Event, txs int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := c.rpc.BlockResults(ctx, &height)
	if err != nil {
		return nil, 0, fmt.Errorf("the events of block %d: %w", height, plain(err))
	}
	for _, tx := range r.TxsResults {
		if tx.Code == abci.CodeTypeOK {
			events = append(events, tx.Events...)
		}
	}
	return append(events, r.FinalizeBlockEvents...), len(r.TxsResults), nil
}
