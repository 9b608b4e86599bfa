package config

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/amount"
)

// Calls says what the node risks with customers of sessions, and which routers it
// keeps connections with beside those that cover it.
type Calls struct {
	Credit       string        `koanf:"credit"`
	Unwritten    string        `koanf:"unwritten"`
	RedeemAmount string        `koanf:"redeem_amount"`
	RedeemAge    time.Duration `koanf:"redeem_age"`
	Routers      []string      `koanf:"routers"`
}

// shortestAge keeps a worker from a transaction for every call; longestAge is well
// below the chain's closing period, after which vouchers are void.
const (
	shortestAge = time.Second
	longestAge  = 30 * time.Minute
)

// Uemc are the amounts.
func (c Calls) Uemc() (credit, unwritten, redeem uint64, err error) {
	for _, a := range []struct {
		key, text string
		into      *uint64
	}{{"credit", c.Credit, &credit}, {"unwritten", c.Unwritten, &unwritten}, {"redeem_amount", c.RedeemAmount, &redeem}} {
		coin, err := amount.ParseCoin(a.text)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("calls.%s: %w", a.key, err)
		}
		if !coin.Amount.IsInt64() || !coin.Amount.IsPositive() {
			return 0, 0, 0, fmt.Errorf("calls.%s: %s is not an amount above zero that fits", a.key, a.text)
		}
		*a.into = uint64(coin.Amount.Int64())
	}
	return credit, unwritten, redeem, nil
}

func (c Calls) validate() []error {
	var errs []error
	if _, _, _, err := c.Uemc(); err != nil {
		errs = append(errs, err)
	}
	if c.RedeemAge < shortestAge || c.RedeemAge > longestAge {
		errs = append(errs, fmt.Errorf("calls.redeem_age: %s is not between %s and %s", c.RedeemAge, shortestAge, longestAge))
	}
	for _, r := range c.Routers {
		if _, err := peer.AddrInfoFromString(r); err != nil {
			errs = append(errs, fmt.Errorf("calls.routers: %q is not an address such as /ip4/203.0.113.7/tcp/4700/p2p/16Uiu2…: %w", r, err))
		}
	}
	return errs
}
