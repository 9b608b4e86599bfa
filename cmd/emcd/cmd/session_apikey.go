package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client"

	"github.com/edgematrix/emc/pkg/amount"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// apiKeyCmd manages API keys where they are: at the router.
func apiKeyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "api-key", Short: "Make, list, limit and revoke the API keys of a session",
		Long: `Make, list, limit and revoke the API keys of a session, at the router that it was opened through.

The router's URL and the session's master key are what "emcd session open" printed. Both are read from the environment,
as OpenAI's clients read them, so that the key stands in no list of processes and no shell history.`,
		Example: `  export OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=sk-emc-…
  emcd session api-key create website --limit 2emc --per-call 10000uemc --for 720h
  emcd session api-key list`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(keyCreateCmd(), keyListCmd(), keyLimitCmd(), keyRevokeCmd())
	return cmd
}

// apiKey is one as the router tells of it. Amounts are uemc, times seconds since 1970.
type apiKey struct {
	ID            string `json:"id"`
	Session       string `json:"session"`
	Name          string `json:"name"`
	Limit         uint64 `json:"limit"`
	PerCall       uint64 `json:"per_call"`
	MaxConcurrent uint32 `json:"max_concurrent"`
	Master        bool   `json:"master"`
	Spent         uint64 `json:"spent"`
	Reserved      uint64 `json:"reserved"`
	ExpiresAt     *int64 `json:"expires_at"`
	RevokedAt     *int64 `json:"revoked_at"`
	Secret        string `json:"key"`
}

func keyCreateCmd() *cobra.Command {
	var limit, perCall string
	var concurrent uint32
	var life time.Duration
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make an API key that can spend so much, and no more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want := map[string]any{"name": args[0], "max_concurrent": concurrent}
			var err error
			if limit != "" {
				if want["limit"], err = uemcOf(limit); err != nil {
					return fmt.Errorf("--limit: %w", err)
				}
			}
			if perCall != "" {
				if want["per_call"], err = uemcOf(perCall); err != nil {
					return fmt.Errorf("--per-call: %w", err)
				}
			}
			if life > 0 {
				want["expires_at"] = time.Now().Add(life).Unix()
			}
			var k apiKey
			if err := atRouter(cmd.Context(), http.MethodPost, "/emc/v1/keys", want, &k); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "id       %s\nAPI key  %s\n", k.ID, k.Secret)
			return err
		},
	}
	cmd.Flags().StringVar(&limit, "limit", "", "what it may spend in all, such as 2emc; as much as the session has unless given")
	cmd.Flags().StringVar(&perCall, "per-call", "", "what one call may cost at most")
	cmd.Flags().Uint32Var(&concurrent, "concurrent", 0, "how many calls may run at a time; 0 leaves it to the router")
	cmd.Flags().DurationVar(&life, "for", 0, "how long it is good; as long as the session unless given")
	return cmd
}

func keyListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show the session's keys, and what each has spent", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer struct {
				Data []apiKey `json:"data"`
			}
			if err := atRouter(cmd.Context(), http.MethodGet, "/emc/v1/keys", nil, &answer); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(answer.Data)
			}
			return printKeys(cmd.OutOrStdout(), answer.Data)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON, with amounts in uemc")
	return cmd
}

func printKeys(out io.Writer, keys []apiKey) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSPENT\tLIMIT\tPER CALL\tUNTIL\t")
	show := func(n uint64) string {
		if n == 0 {
			return "-"
		}
		return emcOf(n)
	}
	for _, k := range keys {
		until, note := "-", ""
		if k.ExpiresAt != nil {
			until = time.Unix(*k.ExpiresAt, 0).UTC().Format(time.DateTime)
		}
		switch {
		case k.RevokedAt != nil:
			note = "revoked"
		case k.Master:
			note = "master"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, emcOf(k.Spent), show(k.Limit), show(k.PerCall), until, note)
	}
	return w.Flush()
}

func keyLimitCmd() *cobra.Command {
	return &cobra.Command{
		Use: "limit ID AMOUNT", Short: "Set what a key may spend in all", Args: cobra.ExactArgs(2),
		Example: "  emcd session api-key limit 1f7a… 5emc",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := uemcOf(args[1])
			if err != nil {
				return fmt.Errorf("AMOUNT: %w", err)
			}
			var k apiKey
			if err := atRouter(cmd.Context(), http.MethodPost, "/emc/v1/keys/"+args[0]+"/limit", map[string]any{"limit": n}, &k); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s may spend %s, and has spent %s\n", k.ID, emcOf(k.Limit), emcOf(k.Spent))
			return err
		},
	}
}

func keyRevokeCmd() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a key; calls that run with it come to their end", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var k apiKey
			if err := atRouter(cmd.Context(), http.MethodDelete, "/emc/v1/keys/"+args[0], nil, &k); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "key %s is revoked; it has spent %s\n", k.ID, emcOf(k.Spent))
			return err
		},
	}
}

// atRouter asks the router with the master key.
func atRouter(ctx context.Context, method, path string, body, into any) error {
	url, key := os.Getenv("OPENAI_BASE_URL"), os.Getenv("OPENAI_API_KEY")
	if url == "" || key == "" {
		return errors.New("OPENAI_BASE_URL and OPENAI_API_KEY are not set: export the base URL and the API key that `emcd session open` printed")
	}
	return askAs(ctx, key, method, routerURL(url)+path, body, into)
}

func uemcOf(text string) (uint64, error) {
	coin, err := amount.ParseCoin(text)
	if err != nil {
		return 0, err
	}
	if !coin.Amount.IsUint64() || coin.Amount.IsZero() {
		return 0, fmt.Errorf("%s is no amount that can be spent", text)
	}
	return coin.Amount.Uint64(), nil
}

func emcOf(n uint64) string { return amount.Format(computetypes.Uemc(math.NewIntFromUint64(n))) }
