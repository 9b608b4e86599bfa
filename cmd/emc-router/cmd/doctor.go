package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

func doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Find what is missing, line by line, and say what to do",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			if !examine(cmd.Context(), r, cmd.OutOrStdout()) {
				return quietError{errors.New("something is missing")}
			}
			return nil
		},
	}
}

// maxClockSkew is how far this machine's clock may be from the chain's.
const maxClockSkew = 30 * time.Second

func examine(ctx context.Context, r *router, out io.Writer) (good bool) {
	good = true
	say := func(what string, err error, words string, args ...any) {
		mark := "ok  "
		if err != nil {
			mark, good = "FAIL", false
			words, args = "%v", []any{err}
		}
		fmt.Fprintf(out, "%s  %-12s  %s\n", mark, what, fmt.Sprintf(words, args...))
	}
	todo := func(what, words string) { fmt.Fprintf(out, "todo  %-12s  %s\n", what, words); good = false }
	say("home", nil, "%s", r.home)
	say("key", nil, "%s", r.identity.Address())
	if !r.home.Running() {
		l, err := net.Listen("tcp", r.config.Gateway.Listen)
		if err == nil {
			err = l.Close()
		} else {
			err = fmt.Errorf("%w; change gateway.listen, or stop what uses the port", err)
		}
		say("gateway", err, "%s is free", r.config.Gateway.Listen)
	}
	head, err := r.chain.CheckChain(ctx)
	say("chain", err, "%s at height %d by %s", head.ChainID, head.Height, r.chain.RPC())
	if err != nil {
		return good
	}
	age := time.Since(head.Time)
	if age < -maxClockSkew || age > 10*time.Minute {
		err = fmt.Errorf("the newest block is %s old by this machine's clock; set the clock, or wait until the node has caught up", age.Round(time.Second))
	}
	say("clock", err, "the newest block is %s old by this machine's clock", age.Round(100*time.Millisecond))
	view, err := r.chain.Node(ctx, r.identity.Address())
	if errors.Is(err, chainclient.ErrNotFound) {
		todo("registration", "not registered yet: `emc-router register`, or `emc-router register --generate-only` for a wallet or Ledger")
		return good
	}
	if err != nil {
		say("registration", err, "")
		return good
	}
	say("registration", nil, "operator %s, stake %s uemc", view.Node.Operator, view.Node.Stake)
	answer, err := markettypes.NewQueryClient(r.chain.Conn()).Router(ctx, &markettypes.QueryRouterRequest{Router: r.identity.Address()})
	if err == nil && answer.Covered.IsZero() {
		todo("cover", "no node has cover, so none takes vouchers of this router: `emc-router cover NODE AMOUNT`")
		return good
	}
	if err != nil {
		say("cover", err, "")
		return good
	}
	say("cover", nil, "%s of the stake covers nodes", amount.Format(answer.Covered))
	return good
}
