package localnet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Address returns the address of a key.
func (n *Network) Address(key string) string {
	n.t.Helper()
	return strings.TrimSpace(n.MustEmcd("keys", "show", key, "--address"))
}

// Balance returns an account's balance in uemc.
func (n *Network) Balance(address string) int64 {
	n.t.Helper()
	var answer struct {
		Balance struct {
			Amount string `json:"amount"`
		} `json:"balance"`
	}
	n.GetJSON(n.REST+"/cosmos/bank/v1beta1/balances/"+address+"/by_denom?denom=uemc", &answer)
	amount, err := strconv.ParseInt(answer.Balance.Amount, 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return amount
}

// Height returns the height of the last block.
func (n *Network) Height() int64 {
	n.t.Helper()
	height, err := Height(n.RPC)
	if err != nil {
		n.t.Fatal(err)
	}
	return height
}

// Height asks a node's RPC for the height of its last block.
func Height(rpc string) (int64, error) {
	var answer struct {
		Result struct {
			SyncInfo struct {
				Height string `json:"latest_block_height"`
			} `json:"sync_info"`
		} `json:"result"`
	}
	if err := getJSON(rpc+"/status", &answer); err != nil {
		return 0, err
	}
	return strconv.ParseInt(answer.Result.SyncInfo.Height, 10, 64)
}

// WaitHeight waits for a block.
func (n *Network) WaitHeight(height int64) {
	n.t.Helper()
	n.Eventually(func() bool {
		at, err := Height(n.RPC)
		return err == nil && at >= height
	}, 60*time.Second, fmt.Sprintf("height %d", height))
}

// GetJSON reads a JSON answer.
func (n *Network) GetJSON(url string, into any) {
	n.t.Helper()
	if err := getJSON(url, into); err != nil {
		n.t.Fatal(err)
	}
}

// Credit asks the faucet and returns the HTTP status, headers and body.
func (n *Network) Credit(address string, coins ...string) (int, http.Header, map[string]any) {
	n.t.Helper()
	body, err := json.Marshal(map[string]any{"address": address, "coins": coins})
	if err != nil {
		n.t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Post(n.Faucet+"/credit", "application/json", bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, response.Header, answer
}

// Eventually waits until condition holds.
func (n *Network) Eventually(condition func() bool, within time.Duration, what string) {
	n.t.Helper()
	Eventually(n.t, condition, within, what)
}

// Eventually waits until condition holds, and fails the test when it does not in time.
func Eventually(t testing.TB, condition func() bool, within time.Duration, what string) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}

func getJSON(url string, into any) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", url, response.Status, text)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// buffer collects output from several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
