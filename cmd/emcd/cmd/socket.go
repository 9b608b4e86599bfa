package cmd

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/x/socket/types"
)

// mostListed is how many listings a table is sorted from, where the chain's own
// order is not the one that is asked for.
const mostListed = 1000

// socketCommand holds what people look at before they buy, sell and plug in.
func socketCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "socket",
		Short: "Compute sockets: computing power as an NFT that is bought, sold and plugged in",
		Long: `Compute sockets: computing power of a node as an NFT.

These commands look. What changes something is a transaction:

  emcd tx socket buy SOCKET --max-price 25emc --from alice
  emcd tx socket list SOCKET 30emc --from alice
  emcd tx socket plug SOCKET --key KEY --from alice
  emcd tx socket --help

docs/sockets.md says what is guaranteed, by what evidence, and what is not.`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(socketListingsCmd(), socketShowCmd(), socketListCmd())
	return cmd
}

// orders are the ways to sort listings, and whether one goes before another.
var orders = map[string]func(a, b types.View) int{
	"price-per-e-hour": nil, // the chain's own order
	"price":            func(a, b types.View) int { return a.Socket.Ask.BigInt().Cmp(b.Socket.Ask.BigInt()) },
	"power":            func(a, b types.View) int { return cmp.Compare(b.Socket.Power, a.Socket.Power) },
	"time-left":        func(a, b types.View) int { return cmp.Compare(b.SecondsLeft, a.SecondsLeft) },
}

func socketListingsCmd() *cobra.Command {
	var app, sort string
	var limit uint64
	cmd := &cobra.Command{
		Use:     "listings --app APP",
		Short:   "List what is for sale for an app, the cheapest E-hour first",
		Example: "  emcd socket listings --app charlm\n  emcd socket listings --app charlm --sort time-left --limit 10 --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			order, known := orders[sort]
			if !known {
				return fmt.Errorf("--sort %q: expected price-per-e-hour, price, power or time-left", sort)
			}
			chain, err := client.GetClientQueryContext(cmd)
			if err != nil {
				return err
			}
			most := limit
			if order != nil {
				most = mostListed
			}
			views, err := allListings(cmd, types.NewQueryClient(chain), app, most)
			if err != nil {
				return err
			}
			if order != nil {
				slices.SortStableFunc(views, order)
				views = views[:min(uint64(len(views)), limit)]
			}
			if chain.OutputFormat == flags.OutputFormatJSON {
				return chain.PrintProto(&types.QueryListingsResponse{Listings: views})
			}
			if len(views) == 0 {
				cmd.PrintErrf("Nothing is for sale for %q now. `emcd tx socket mint --help` says how operators offer something.\n", app)
				return nil
			}
			return printSockets(cmd, views)
		},
	}
	flags.AddQueryFlagsToCmd(cmd)
	cmd.Flags().StringVar(&app, "app", "", "id of the app (required)")
	cmd.Flags().StringVar(&sort, "sort", "price-per-e-hour", "price-per-e-hour, price, power or time-left")
	cmd.Flags().Uint64Var(&limit, "limit", 30, "how many at most")
	_ = cmd.MarkFlagRequired("app")
	return cmd
}

// allListings reads pages until there are enough.
func allListings(cmd *cobra.Command, q types.QueryClient, app string, most uint64) (out []types.View, err error) {
	page := &query.PageRequest{}
	for uint64(len(out)) < most {
		page.Limit = min(most-uint64(len(out)), 200)
		r, err := q.Listings(cmd.Context(), &types.QueryListingsRequest{App: app, Pagination: page})
		if err != nil {
			return nil, err
		}
		out = append(out, r.Listings...)
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			break
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey}
	}
	return out, nil
}

func printSockets(cmd *cobra.Command, views []types.View) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SOCKET\tAPP\tPOWER\tSLOTS\tTIME LEFT\tPRICE\tPER E-HOUR\tSTATE")
	for _, v := range views {
		s := v.Socket
		price, per := "-", "-"
		if s.Listed() {
			price, per = amount.Format(types.Uemc(s.Ask)), perEHour(s.AskPerEHour)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", s.Id, s.App, types.PowerText(s.Power)+" E", s.Slots, timeLeft(v.SecondsLeft), price, per, short(v))
	}
	return w.Flush()
}

func perEHour(uemc uint64) string {
	if uemc >= types.MaxAmount {
		return "nothing left"
	}
	return amount.Format(types.UemcOf(uemc))
}

// short is a state in a word.
func short(v types.View) string {
	switch s := v.Socket; {
	case s.Status == types.SOCKET_STATUS_SETTLED:
		return "settled"
	case s.Status == types.SOCKET_STATUS_PLUGGED:
		return "plugged in"
	case s.Status == types.SOCKET_STATUS_UNPLUGGING:
		return "unplugging"
	case s.Listed() && !s.Sold():
		return "first sale"
	case s.Listed():
		return "resale"
	case !s.Sold():
		return "not sold yet"
	default:
		return "idle"
	}
}

func timeLeft(seconds int64) string {
	if seconds <= 0 {
		return "none"
	}
	return (time.Duration(seconds) * time.Second).Round(time.Minute).String()
}

func socketShowCmd() *cobra.Command {
	var picture string
	cmd := &cobra.Command{
		Use:     "show SOCKET",
		Short:   "Show a socket: who owns it, what is left of it, what the chain saw",
		Example: "  emcd socket show s0f3c…\n  emcd socket show s0f3c… --picture socket.svg",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chain, err := client.GetClientQueryContext(cmd)
			if err != nil {
				return err
			}
			r, err := types.NewQueryClient(chain).Socket(cmd.Context(), &types.QuerySocketRequest{Socket: args[0]})
			if err != nil {
				return err
			}
			if picture != "" {
				if err := writePicture(picture, r.Image); err != nil {
					return err
				}
				cmd.PrintErrln("wrote", picture)
			}
			if chain.OutputFormat == flags.OutputFormatJSON {
				return chain.PrintProto(r)
			}
			return printSocket(cmd, r)
		},
	}
	flags.AddQueryFlagsToCmd(cmd)
	cmd.Flags().StringVar(&picture, "picture", "", "write its picture as of now into this file, as SVG")
	return cmd
}

func writePicture(file, image string) error {
	data, ok := strings.CutPrefix(image, "data:image/svg+xml;base64,")
	svg, err := base64.StdEncoding.DecodeString(data)
	if !ok || err != nil {
		return errors.New("the chain's picture is no SVG")
	}
	return os.WriteFile(file, svg, 0o644)
}

func printSocket(cmd *cobra.Command, r *types.QuerySocketResponse) error {
	v, s := r.View, r.View.Socket
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("socket", "%s", s.Id)
	row("state", "%s", v.State)
	row("app", "%s", s.App)
	row("power", "%s E on %d slot(s) of node %s", types.PowerText(s.Power), s.Slots, s.Node)
	row("owner", "%s", v.Owner)
	row("minter", "%s, royalty %d.%02d %%", s.Minter, s.Royalty/100, s.Royalty%100)
	row("valid until", "%s", time.Unix(s.ExpiresAt, 0).Local().Format("2006-01-02 15:04:05 MST"))
	row("left", "%s for calls and jobs, %s E-hours", amount.Format(v.MoneyLeft), types.EHoursText(v.ESecondsLeft))
	if s.Sold() {
		row("first sold for", "%s; used %s", amount.Format(types.Uemc(s.Price)), amount.Format(types.Uemc(s.Used)))
		row("outage", "%s since then; %s would come back to the holder", time.Duration(v.Outage)*time.Second, amount.Format(v.Refund))
	}
	row("NFT", "%s %s", v.ClassId, s.Id)
	row("escrow", "%s holds %s", r.EscrowAddress, amount.Format(r.EscrowBalance))
	return w.Flush()
}

func socketListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list OWNER",
		Short:   "List the sockets of an address, also those that are listed or plugged in",
		Example: "  emcd socket list emc1…",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chain, err := client.GetClientQueryContext(cmd)
			if err != nil {
				return err
			}
			views, err := ownSockets(cmd, chain, args[0])
			if err != nil {
				return err
			}
			if chain.OutputFormat == flags.OutputFormatJSON {
				return chain.PrintProto(&types.QueryHeldResponse{Sockets: views})
			}
			if len(views) == 0 {
				cmd.PrintErrln("None. `emcd socket listings --app APP` shows what is for sale.")
				return nil
			}
			return printSockets(cmd, views)
		},
	}
	flags.AddQueryFlagsToCmd(cmd)
	return cmd
}

// ownSockets are those that the module holds for somebody, and those whose NFT he has.
func ownSockets(cmd *cobra.Command, chain client.Context, owner string) ([]types.View, error) {
	sockets := types.NewQueryClient(chain)
	held, err := sockets.Held(cmd.Context(), &types.QueryHeldRequest{Holder: owner})
	if err != nil {
		return nil, err
	}
	views := held.Sockets
	tokens, err := nft.NewQueryClient(chain).NFTs(cmd.Context(), &nft.QueryNFTsRequest{Owner: owner, Pagination: &query.PageRequest{Limit: 200}})
	if err != nil {
		return nil, err
	}
	for _, token := range tokens.Nfts {
		if !strings.HasPrefix(token.ClassId, types.ClassID("")) {
			continue
		}
		r, err := sockets.Socket(cmd.Context(), &types.QuerySocketRequest{Socket: token.Id})
		if err != nil {
			return nil, err
		}
		views = append(views, r.View)
	}
	return views, nil
}
