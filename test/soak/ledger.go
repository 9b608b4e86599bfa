package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// ledger is every transaction of the network and who paid for it, read from the
// blocks themselves: a node that is killed forgets to index the transactions of
// its last block, so that a search does not find all.
type ledger struct {
	mu   sync.Mutex
	next int64 // the first height that was not read yet
	paid map[string][]entry
}

// entry is one transaction.
type entry struct {
	height, fee int64
	code        int
	// raw is the signed transaction, in which names and ids stand as text.
	raw []byte
}

func newLedger() *ledger { return &ledger{next: 1, paid: map[string][]entry{}} }

// between lists what an account paid for from above one height up to another.
func (l *ledger) between(ctx context.Context, n *rig.Network, payer string, above, upTo int64) (out []entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; l.next <= upTo; l.next++ {
		if err := l.read(ctx, n, l.next); err != nil {
			return nil, err
		}
	}
	for _, e := range l.paid[payer] {
		if e.height > above && e.height <= upTo {
			out = append(out, e)
		}
	}
	return out, nil
}

func (l *ledger) read(ctx context.Context, n *rig.Network, height int64) error {
	var block struct {
		Result struct {
			Block struct {
				Data struct {
					Txs [][]byte `json:"txs"`
				} `json:"data"`
			} `json:"block"`
		} `json:"result"`
	}
	if err := rpc(ctx, n, "block", height, &block); err != nil {
		return err
	}
	txs := block.Result.Block.Data.Txs
	if len(txs) == 0 {
		return nil
	}
	var results struct {
		Result struct {
			Txs []struct {
				Code   int `json:"code"`
				Events []struct {
					Type       string `json:"type"`
					Attributes []struct {
						Key   string `json:"key"`
						Value string `json:"value"`
					} `json:"attributes"`
				} `json:"events"`
			} `json:"txs_results"`
		} `json:"result"`
	}
	if err := rpc(ctx, n, "block_results", height, &results); err != nil {
		return err
	}
	if len(results.Result.Txs) != len(txs) {
		return fmt.Errorf("block %d has %d transactions and %d results", height, len(txs), len(results.Result.Txs))
	}
	found := map[string][]entry{}
	for i, r := range results.Result.Txs {
		payer, e := "", entry{height: height, code: r.Code, raw: txs[i]}
		for _, event := range r.Events {
			for _, a := range event.Attributes {
				switch {
				case event.Type != "tx":
				case a.Key == "fee_payer":
					payer = a.Value
				case a.Key == "fee" && a.Value != "":
					fee, err := strconv.ParseInt(strings.TrimSuffix(a.Value, "uemc"), 10, 64)
					if err != nil {
						return fmt.Errorf("block %d: fee %q: %w", height, a.Value, err)
					}
					e.fee = fee
				}
			}
		}
		found[payer] = append(found[payer], e)
	}
	for payer, entries := range found {
		l.paid[payer] = append(l.paid[payer], entries...)
	}
	return nil
}

// rpc asks the chain's own interface about a height.
func rpc(ctx context.Context, n *rig.Network, what string, height int64, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/%s?height=%d", n.RPC, what, height), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of block %d: %s", what, height, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// fees of all.
func fees(list []entry) (sum int64) {
	for _, e := range list {
		sum += e.fee
	}
	return sum
}

// count is how many successful transactions carry a message, about a job unless
// that is empty.
func count(list []entry, message, job string) (n int) {
	for _, e := range list {
		if e.code == 0 && bytes.Contains(e.raw, []byte(".Msg"+message)) && bytes.Contains(e.raw, []byte(job)) {
			n++
		}
	}
	return n
}

// wasted is how many transactions failed in a block: their fees were for nothing.
func wasted(list []entry) (n int) {
	for _, e := range list {
		if e.code != 0 {
			n++
		}
	}
	return n
}
