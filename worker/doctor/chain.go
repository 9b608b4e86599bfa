package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/chainclient"
)

// maxSkew is how far this machine's clock may be off.
const maxSkew = 30 * time.Second

func examineChain(ctx context.Context, p *Patient) (Verdict, string) {
	c, err := p.Chain(p.config)
	if err != nil {
		return Fail, err.Error()
	}
	head, err := c.CheckChain(ctx)
	if err != nil {
		if errors.Is(err, chainclient.ErrWrongChain) {
			return Fail, err.Error()
		}
		return Fail, err.Error() + "; start the node, or correct chain.rpc"
	}
	if head.CatchingUp {
		return Fail, fmt.Sprintf("the node at %s is still downloading old blocks (height %d); wait, or use another one in chain.rpc", c.RPC(), head.Height)
	}
	p.chain, p.head = c, head
	return OK, fmt.Sprintf("%s at height %d by %s", head.ChainID, head.Height, c.RPC())
}

func examineClock(_ context.Context, p *Patient) (Verdict, string) {
	skew := p.Now().Sub(p.head.Time)
	words := fmt.Sprintf("the newest block is %s old by this machine's clock", skew.Round(100*time.Millisecond))
	switch {
	case skew < -maxSkew:
		return Fail, words + "; the clock is slow: synchronise it (for example with chrony)"
	case skew > 2*time.Minute:
		return Fail, words + "; the chain stands still, or the clock is fast: synchronise it (for example with chrony)"
	}
	return OK, words
}

func examineNode(ctx context.Context, p *Patient) (Verdict, string) {
	self := p.identity.Address()
	n, err := p.chain.Node(ctx, self)
	if errors.Is(err, chainclient.ErrNotFound) {
		return Todo, "not registered yet: `emc-worker register`, or `emc-worker register --generate-only` for a wallet or Ledger"
	}
	if err != nil {
		return Fail, err.Error()
	}
	granter := p.config.Chain.FeeGranter
	if granter == "" {
		granter = n.Node.Operator
	}
	if _, err := p.chain.Allowance(ctx, granter, self); errors.Is(err, chainclient.ErrNotFound) {
		return Fail, fmt.Sprintf("registered, but %s grants no fees to %s; run `emc-worker register` again", granter, self)
	} else if err != nil {
		return Fail, err.Error()
	}
	balance, err := p.chain.Balance(ctx, granter)
	if err != nil {
		return Fail, err.Error()
	}
	if !balance.IsPositive() {
		return Fail, fmt.Sprintf("%s pays the fees and has nothing left; send it some EMC", granter)
	}
	return OK, "registered by operator " + n.Node.Operator + ", who pays the fees"
}
