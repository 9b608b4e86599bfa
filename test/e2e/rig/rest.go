package rig

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ErrNotFound means that the chain does not have what was asked for.
var ErrNotFound = errors.New("not found")

// ErrNoAnswer means that the node could not answer just now: it was not reached, or
// was between two blocks. It says nothing about what was asked.
var ErrNoAnswer = errors.New("no answer")

// betweenBlocks is how long a node that answers "not now" is asked again: it is
// in the middle of a commit, or CometBFT has a block whose state is not there yet.
const betweenBlocks = 15 * time.Second

// errBusy means that the node did answer: that it cannot tell just now.
var errBusy = fmt.Errorf("%w: busy", ErrNoAnswer)

// Get reads a JSON answer of the REST interface at a height; 0 is the newest.
// It returns the height that answered. A height that comes next is waited for.
func (n *Network) Get(ctx context.Context, path string, height int64, into any) (at int64, err error) {
	var said error
	if err := Eventually(ctx, betweenBlocks, path+" is answered", func() (bool, error) {
		at, said = n.get(ctx, path, height, into)
		return !errors.Is(said, errBusy), said
	}); err != nil {
		return 0, err
	}
	return at, said
}

func (n *Network) get(ctx context.Context, path string, height int64, into any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.REST+path, nil)
	if err != nil {
		return 0, err
	}
	if height > 0 {
		request.Header.Set("x-cosmos-block-height", strconv.FormatInt(height, 10))
	}
	response, err := cmp.Or(n.Client, http.DefaultClient).Do(request)
	if err != nil {
		return 0, errors.Join(ErrNoAnswer, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return 0, errors.Join(ErrNoAnswer, err)
	}
	if response.StatusCode == http.StatusNotFound {
		return 0, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if response.StatusCode == http.StatusInternalServerError || response.StatusCode == http.StatusServiceUnavailable {
		return 0, fmt.Errorf("%s: %w: %s: %.400s", path, errBusy, response.Status, body)
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %w: %s: %.400s", path, ErrNoAnswer, response.Status, body)
	}
	at, _ := strconv.ParseInt(response.Header.Get("Grpc-Metadata-X-Cosmos-Block-Height"), 10, 64)
	return at, json.Unmarshal(body, into)
}

// Coin is an amount with its denomination.
type Coin struct {
	Denom  string `json:"denom"`
	Amount Int    `json:"amount"`
}

// Int is a whole number that JSON carries as a string.
type Int int64

// UnmarshalJSON implements json.Unmarshaler.
func (i *Int) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return json.Unmarshal(b, (*int64)(i)) // a bare number
	}
	if text == "" {
		*i = 0
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	*i = Int(n)
	return err
}

// Height is the height of the newest block that can be asked about. The node's
// newest block may be one higher, and its state not there yet.
func (n *Network) Height(ctx context.Context) (int64, error) {
	var ignored struct{}
	height, err := n.Get(ctx, "/cosmos/auth/v1beta1/params", 0, &ignored)
	if err == nil && height == 0 {
		err = errors.New("the node does not say at which height it answers")
	}
	return height, err
}

// BalanceAt is an account's money in uemc at a height; 0 is the newest.
func (n *Network) BalanceAt(ctx context.Context, address string, height int64) (int64, error) {
	var answer struct {
		Balance Coin `json:"balance"`
	}
	_, err := n.Get(ctx, "/cosmos/bank/v1beta1/balances/"+address+"/by_denom?denom=uemc", height, &answer)
	return int64(answer.Balance.Amount), err
}

// Balance is an account's money in uemc.
func (n *Network) Balance(ctx context.Context, address string) (int64, error) {
	return n.BalanceAt(ctx, address, 0)
}

// Transaction is a transaction in a block.
type Transaction struct {
	Hash   string `json:"txhash"`
	Height Int    `json:"height"`
	Code   int    `json:"code"`
	Log    string `json:"raw_log"`
	Gas    Int    `json:"gas_used"`
	Tx     struct {
		Body struct {
			Messages []json.RawMessage `json:"messages"`
		} `json:"body"`
		AuthInfo struct {
			Fee struct {
				Amount  []Coin `json:"amount"`
				Granter string `json:"granter"`
				Payer   string `json:"payer"`
			} `json:"fee"`
		} `json:"auth_info"`
	} `json:"tx"`
	Events []struct {
		Type       string `json:"type"`
		Attributes []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"attributes"`
	} `json:"events"`
}

// Fee is what the transaction paid, in uemc.
func (t Transaction) Fee() int64 {
	var sum int64
	for _, c := range t.Tx.AuthInfo.Fee.Amount {
		if c.Denom == "uemc" {
			sum += int64(c.Amount)
		}
	}
	return sum
}

// WaitTx waits until a block holds the transaction. The error tells why it failed.
func (n *Network) WaitTx(ctx context.Context, hash string) (Transaction, error) {
	var answer struct {
		Tx       json.RawMessage `json:"tx"`
		Response Transaction     `json:"tx_response"`
	}
	err := Eventually(ctx, 45*time.Second, "transaction "+hash+" is in a block", func() (bool, error) {
		_, err := n.Get(ctx, "/cosmos/tx/v1beta1/txs/"+hash, 0, &answer)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil {
		err = json.Unmarshal(answer.Tx, &answer.Response.Tx)
	}
	if err == nil && answer.Response.Code != 0 {
		err = fmt.Errorf("the transaction %s failed: %s", hash, answer.Response.Log)
	}
	return answer.Response, err
}

// Eventually waits until condition holds. An error of the condition counts as
// "not yet", and is told when the time is over.
func Eventually(ctx context.Context, within time.Duration, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := condition()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not within %s: %s", within, what), err)
		case <-tick.C:
		}
	}
}
