package mempool

import (
	errorsmod "cosmossdk.io/errors"

	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
)

// Limits are what CometBFT's mempool holds: mempool.size and
// mempool.max_txs_bytes of config.toml. Of both, ordinary transactions may take
// three quarters, with the nodes' own messages seven eighths, and proofs all.
// A class does not count those more urgent: they cannot crowd it out.
type Limits struct {
	Txs   int
	Bytes int64
}

// eighths of the mempool that each class may fill together with those less urgent.
var eighths = [classes]int64{Proof: 8, Work: 7, Ordinary: 6}

// words for what the mempool is full of.
var words = [classes]string{
	Proof:    "transactions",
	Work:     "ordinary transactions and the nodes' messages",
	Ordinary: "ordinary transactions",
}

// room refuses what would be too many, or too long. The SDK's error tells a
// client that the same transaction may be taken later.
func (p *Pool) room(e *entry) error {
	txs, bytes := 0, int64(0)
	for c := e.class; c < classes; c++ {
		txs += p.txs[c]
		bytes += p.bytes[c]
	}
	most := int(int64(p.limits.Txs) * eighths[e.class] / 8)
	if txs >= most {
		return errorsmod.Wrapf(sdkerrors.ErrMempoolIsFull,
			"the mempool is full of %s: %d of %d; try again in a few seconds", words[e.class], txs, most)
	}
	if long := p.limits.Bytes / 8 * eighths[e.class]; bytes+int64(e.size) > long {
		return errorsmod.Wrapf(sdkerrors.ErrMempoolIsFull,
			"the mempool is full of %s: %d of %d bytes; try again in a few seconds", words[e.class], bytes, long)
	}
	return nil
}
