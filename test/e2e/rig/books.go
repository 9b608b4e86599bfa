package rig

import (
	"context"
	"fmt"
)

// Account is an account's money at one height, to be held against a later one.
type Account struct {
	Address string
	Height  int64
	Uemc    int64
}

// Open notes what an account has now.
func (n *Network) Open(ctx context.Context, address string) (Account, error) {
	height, err := n.Height(ctx)
	if err != nil {
		return Account{}, err
	}
	uemc, err := n.BalanceAt(ctx, address, height)
	return Account{address, height, uemc}, err
}

// Since is what an account got or gave since it was noted, without the fees
// that it paid.
func (n *Network) Since(ctx context.Context, a Account) (int64, error) {
	height, err := n.Height(ctx)
	if err != nil {
		return 0, err
	}
	return n.SinceAt(ctx, a, height)
}

// SinceAt is Since up to a height.
func (n *Network) SinceAt(ctx context.Context, a Account, height int64) (int64, error) {
	uemc, err := n.BalanceAt(ctx, a.Address, height)
	if err != nil {
		return 0, err
	}
	paid, err := n.PaidBy(ctx, a.Address, a.Height, height)
	return uemc - a.Uemc + Fees(paid), err
}

// Expect checks what an account got or gave, to the last uemc. The index of
// transactions follows the blocks a moment later, so it is asked until it fits.
func (n *Network) Expect(ctx context.Context, a Account, change int64) error {
	var got int64
	err := Eventually(ctx, FitTimeout, "the account's books", func() (bool, error) {
		var err error
		got, err = n.Since(ctx, a)
		return err == nil && got == change, err
	})
	if err != nil {
		return fmt.Errorf("account %s: %d uemc beside fees, expected %d (%w)", a.Address, got, change, err)
	}
	return nil
}
