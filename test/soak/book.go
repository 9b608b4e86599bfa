package soak

import (
	"context"
	"fmt"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// book is an account that is explained to the last uemc, page by page: each
// page goes on where the last one ended, so that nothing falls between.
type book struct {
	chain *chain
	at    rig.Account
}

func openBook(ctx context.Context, c *chain, address string) (*book, error) {
	b := &book{chain: c}
	err := answered(ctx, func() error {
		return c.ask(func(n *rig.Network) (err error) {
			b.at, err = n.Open(ctx, address)
			return err
		})
	})
	return b, err
}

// page waits until the account has changed by so much since the last page,
// beside fees, and begins a new page. It returns the transactions that the
// account paid for.
func (b *book) page(ctx context.Context, change int64) ([]entry, error) {
	var txs []entry
	var now rig.Account
	var got int64
	err := b.chain.eventually(ctx, time.Minute, "the account's book", func(n *rig.Network) (bool, error) {
		var err error
		if now, err = n.Open(ctx, b.at.Address); err != nil {
			return false, err
		}
		if txs, err = b.chain.ledger.between(ctx, n, b.at.Address, b.at.Height, now.Height); err != nil {
			return false, err
		}
		got = now.Uemc - b.at.Uemc + fees(txs)
		return got == change, nil
	})
	if err != nil {
		err = fmt.Errorf("account %s: %d uemc beside fees from height %d to %d, expected %d (%w)", b.at.Address, got, b.at.Height, now.Height, change, err)
	}
	b.at = now // what is wrong is told once
	return txs, err
}
