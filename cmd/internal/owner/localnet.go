package owner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Localnet is what `emcd localnet start` writes into its home.
type Localnet struct {
	RPC     string `json:"rpc"`
	Faucet  string `json:"faucet"`
	ChainID string `json:"chain_id"`
}

// ReadLocalnet reads it.
func ReadLocalnet(dir string) (Localnet, error) {
	path := filepath.Join(dir, "localnet.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Localnet{}, fmt.Errorf("there is no %s; start the network first: emcd localnet start --home %s", path, dir)
	}
	if err != nil {
		return Localnet{}, err
	}
	var n Localnet
	if err := json.Unmarshal(data, &n); err != nil || n.RPC == "" || n.ChainID == "" {
		return n, fmt.Errorf("%s does not tell the network's endpoints; start the network again", path)
	}
	n.RPC, n.Faucet = httpURL(n.RPC), httpURL(n.Faucet)
	return n, nil
}

// pocket is what an operator on a local network should have beside the stake.
const pocket = 20_000_000

// Fund asks a local network's faucet for what the operator of a node lacks.
func Fund(ctx context.Context, out io.Writer, chain *chainclient.Client, node, localnetHome string, address sdk.AccAddress, t *Terms) error {
	stake, _, err := t.Coins()
	if err != nil {
		return err
	}
	balance, err := chain.Balance(ctx, address.String())
	if err != nil {
		return err
	}
	want := computetypes.Uemc(stake.Amount.Add(math.NewInt(pocket)))
	if _, err := chain.Node(ctx, node); err == nil {
		want = computetypes.Uemc(math.NewInt(pocket / 10)) // registered: fees are all it needs
	} else if !errors.Is(err, chainclient.ErrNotFound) {
		return err
	}
	if balance.Amount.GTE(want.Amount) {
		return nil
	}
	n, err := ReadLocalnet(localnetHome)
	if err != nil {
		return err
	}
	if n.Faucet == "" {
		return fmt.Errorf("the local network has no faucet; send %s at least %s", address, amount.Format(want))
	}
	fmt.Fprintf(out, "faucet    asked for %s for operator %s\n", amount.Format(want), address)
	return askFaucet(ctx, n.Faucet, address.String(), want)
}

func askFaucet(ctx context.Context, url, address string, coin sdk.Coin) error {
	body, err := json.Marshal(map[string]any{"address": address, "coins": []string{coin.String()}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("the faucet at %s does not answer: %w", url, err)
		}
		words, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK {
			return nil
		}
		if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("the faucet at %s refused (%s): %s", url, response.Status, strings.TrimSpace(string(words)))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the faucet at %s is busy: %s", url, strings.TrimSpace(string(words)))
		case <-time.After(2 * time.Second):
		}
	}
}

func httpURL(address string) string {
	address = strings.Replace(address, "tcp://", "http://", 1)
	if address != "" && !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return address
}

// FreePort is a TCP port that nobody uses now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
