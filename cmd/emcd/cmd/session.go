package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/market/types"
)

// sessionFolder is where the claims of sessions are kept, below the home.
const sessionFolder = "sessions"

// sessionCommand holds what a customer does to call through a router.
func sessionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Call models through a router: open a session, get an API key",
		Long: `Open a session that pays for calls through a router, and get the API key with which any OpenAI client makes them.

The session's key is made and kept by the router: it can spend what is allotted to it, nothing else. A wallet's key never
leaves its keyring. With "open --key NAME" the session's key is yours: then you run the gateway, by "emc-router gateway".
"emcd tx market close-session" closes any session.`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(sessionOpenCmd(), sessionClaimCmd(), apiKeyCmd())
	return cmd
}

// claim is what makes a session's API keys: it is written down before anything is paid.
type claim struct {
	Router    string `json:"router_url"`
	Address   string `json:"router"`
	ChainID   string `json:"chain_id"`
	PublicKey []byte `json:"public_key"`
	Claim     string `json:"claim"`
	Session   string `json:"session,omitempty"`
}

func sessionOpenCmd() *cobra.Command {
	var routers []string
	var own string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "open DEPOSIT --router URL|ADDRESS",
		Short: "Pay a deposit, and get an API key for it",
		Long: `Pay a deposit that a router may spend on your calls, and print the base URL and the API key for an OpenAI client.

What is not spent comes back when the session is closed or ends. The API key is a master key: with it more keys are made,
each with a limit of its own ("emcd session api-key create"), and programs should get those.

With --key NAME the session's key is one of your keyring, which no router gets: the router co-signs what you spend, and
the gateway that your programs call is one that you run. Make a key for nothing else, because whoever has it can spend
the deposit.

With --key there can be several routers, up to four: the deposit is split between them in equal shares, and what cannot be
split is the first one's. Your gateway asks the first one that answers, and goes on through the next when it dies, or when
its share is used up. What a dead router did not co-sign comes back when the session ends, as all does that is not spent;
"emcd tx market top-up-session" adds to the share of another one meanwhile.`,
		Example: `  emcd session open 10emc --router http://127.0.0.1:8080 --from alice
  OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=sk-emc-… your-program

  emcd keys add calls
  emcd session open 10emc --key calls --router emc1… --router emc1… --from alice
  emc-router gateway SESSION --key calls --chain-id emc-1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			deposit, err := amount.ParseCoin(args[0])
			if err != nil {
				return fmt.Errorf("DEPOSIT: %w", err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			chain, wallet, err := sessionWallet(ctx, cmd)
			if err != nil {
				return err
			}
			d := opening{wallet: wallet, deposit: deposit, life: life}
			if own != "" {
				return d.withKey(cmd.OutOrStdout(), chain, own, routers)
			}
			if len(routers) != 1 {
				return errors.New("without --key there is one --router: it makes the session's key, and no other has it. Open a session at each, " +
					"and give programs the base URLs and keys of all; or keep the key yourself, with --key")
			}
			return d.atRouter(ctx, cmd.OutOrStdout(), chain, routers[0])
		},
	}
	cmd.Flags().StringSliceVar(&routers, "router", nil, "URL of the router's gateway; with --key, the router's address on the chain, once for each router (required)")
	cmd.Flags().StringVar(&own, "key", "", "name of a key in the keyring that becomes the session's, for a gateway of your own")
	cmd.Flags().DurationVar(&life, "for", 24*time.Hour, "how long the session lives")
	_ = cmd.MarkFlagRequired("router")
	addJobSigning(cmd)
	return cmd
}

// opening is a session that is paid for.
type opening struct {
	wallet  jobclient.Wallet
	deposit sdk.Coin
	life    time.Duration
}

// allot splits the whole deposit between routers.
func (d opening) allot(routers []string) (out []types.Allotment) {
	share := d.deposit.Amount.QuoRaw(int64(len(routers)))
	for _, r := range routers {
		out = append(out, types.Allotment{Router: r, Amount: sdk.NewCoin(d.deposit.Denom, share)})
	}
	rest := d.deposit.Amount.Sub(share.MulRaw(int64(len(routers))))
	out[0].Amount = out[0].Amount.AddAmount(rest)
	return out
}

// open opens a session whose deposit is allotted to routers.
func (d opening) open(ctx context.Context, key []byte, routers ...string) (opened types.MsgOpenSessionResponse, err error) {
	tx, err := d.wallet.Send(ctx, &types.MsgOpenSession{
		Owner: d.wallet.Address(), Deposit: d.deposit, Key: key, Seconds: uint64(d.life / time.Second), Allotments: d.allot(routers),
	}, func(string) error { return nil })
	if err != nil {
		return opened, err
	}
	if err := opened.Unmarshal(tx.Response); err != nil {
		return opened, fmt.Errorf("the answer of transaction %s: %w", tx.Hash, err)
	}
	return opened, nil
}

// atRouter opens a session whose key the router keeps.
func (d opening) atRouter(ctx context.Context, out io.Writer, chain client.Context, url string) error {
	c := claim{Router: routerURL(url)}
	if err := ask(ctx, c.Router+"/emc/v1/sessions", struct{}{}, &c); err != nil {
		return err
	}
	if c.ChainID != chain.ChainID {
		return fmt.Errorf("the router at %s serves %s, this is %s: give another --router, or another --node", c.Router, c.ChainID, chain.ChainID)
	}
	file, err := c.keep(chain.HomeDir)
	if err != nil {
		return err
	}
	opened, err := d.open(ctx, c.PublicKey, c.Address)
	if err != nil {
		return err
	}
	c.Session = opened.Session
	if err := c.write(file); err != nil {
		return fmt.Errorf("session %s is open, but its claim could not be completed in %s: %w", c.Session, file, err)
	}
	key, err := c.redeem(ctx)
	if err != nil {
		return fmt.Errorf("session %s is open, but the router gives no API key yet: %w\n`emcd session claim %s` tries again", c.Session, err, file)
	}
	c.tell(out, key, opened.ExpiresAt)
	return nil
}

func sessionClaimCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "claim FILE",
		Short:   "Get another master key for a session that \"session open\" opened",
		Example: "  emcd session claim ~/.emcd/sessions/3f2a….json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			var c claim
			if err := json.Unmarshal(data, &c); err != nil || c.Session == "" {
				return fmt.Errorf("%s is no claim of a session that was opened", args[0])
			}
			key, err := c.redeem(cmd.Context())
			if err != nil {
				return err
			}
			c.tell(cmd.OutOrStdout(), key, 0)
			return nil
		},
	}
}

func sessionWallet(ctx context.Context, cmd *cobra.Command) (client.Context, jobclient.Wallet, error) {
	chain, err := client.ReadPersistentCommandFlags(client.GetClientContextFromCmd(cmd), cmd.Flags())
	if err != nil {
		return chain, nil, err
	}
	chain = chain.WithCmdContext(ctx).WithSimulation(false).WithSkipConfirmation(true)
	if chain, err = identifyChain(ctx, chain); err != nil {
		return chain, nil, err
	}
	return openWallet(cmd, chain)
}

// routerURL takes the base URL of an OpenAI client, too.
func routerURL(url string) string {
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/v1")
}

// keep writes the claim down: whoever loses it after the deposit is paid gets no API
// key, only the deposit back at the session's end.
func (c claim) keep(home string) (string, error) {
	dir := filepath.Join(home, sessionFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, fmt.Sprintf("%x.json", c.PublicKey[1:9]))
	return file, c.write(file)
}

func (c claim) write(file string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o600)
}

// claimFor is how long the router may need to see the session in a block.
const claimFor = 20 * time.Second

// redeem gets an API key for the claim.
func (c claim) redeem(ctx context.Context) (key string, err error) {
	ctx, cancel := context.WithTimeout(ctx, claimFor)
	defer cancel()
	body := struct {
		PublicKey []byte `json:"public_key"`
		Claim     string `json:"claim"`
	}{c.PublicKey, c.Claim}
	for {
		var answer struct {
			Key string `json:"key"`
		}
		if err = ask(ctx, c.Router+"/emc/v1/sessions/"+c.Session+"/claim", body, &answer); err == nil {
			return answer.Key, nil
		}
		wait := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			wait.Stop()
			return "", err
		case <-wait.C:
		}
	}
}

func (c claim) tell(out io.Writer, key string, expires int64) {
	tellSession(out, c.Session, expires)
	fmt.Fprintf(out, "base URL  %s/v1\nAPI key   %s\n", c.Router, key)
}

func tellSession(out io.Writer, session string, expires int64) {
	fmt.Fprintf(out, "session   %s\n", session)
	if expires > 0 {
		fmt.Fprintf(out, "until     %s\n", time.Unix(expires, 0).UTC().Format(time.DateTime+" MST"))
	}
}

// ask posts JSON to a router, and reads its answer or its error in OpenAI's shape.
func ask(ctx context.Context, url string, body, into any) error {
	return askAs(ctx, "", http.MethodPost, url, body, into)
}

// askAs is ask with an API key, unless it is empty, and any method.
func askAs(ctx context.Context, key, method, url string, body, into any) error {
	var data io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		data = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, data)
	if err != nil {
		return fmt.Errorf("the router's URL: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no router answers at %s: %w", url, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode < 300 {
		return json.Unmarshal(answer, into)
	}
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Error.Message != "" {
		return errors.New(said.Error.Message)
	}
	return fmt.Errorf("%s answered %s", url, response.Status)
}
