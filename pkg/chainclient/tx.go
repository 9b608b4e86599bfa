package chainclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
)

// Simulate executes a draft without a signature and returns the gas it used. An
// error holds the chain's own words.
func (c *Client) Simulate(ctx context.Context, d Draft, s Signer) (uint64, error) {
	bytes, err := c.encode(ctx, d, s, true)
	if err != nil {
		return 0, err
	}
	r, err := txtypes.NewServiceClient(c.Conn()).Simulate(ctx, &txtypes.SimulateRequest{TxBytes: bytes})
	if err != nil && IsRefusal(err) {
		return 0, refusal{err}
	}
	if err != nil {
		return 0, err
	}
	return r.GasInfo.GasUsed, nil
}

// Price simulates a draft and returns it with gas and fee.
func (c *Client) Price(ctx context.Context, d Draft, s Signer) (Draft, error) {
	used, err := c.Simulate(ctx, d, s)
	if err != nil {
		return d, err
	}
	return c.WithGas(d, uint64(math.Ceil(float64(used)*c.cfg.GasAdjustment))), nil
}

// WithGas returns a draft with a gas limit and the fee for it.
func (c *Client) WithGas(d Draft, gas uint64) Draft {
	d.Gas = gas
	d.Fee = nil
	for _, price := range c.cfg.GasPrices {
		fee := price.Amount.MulInt64(int64(gas)).Ceil().RoundInt()
		d.Fee = d.Fee.Add(sdk.NewCoin(price.Denom, fee))
	}
	return d
}

// Hash is the identity under which a signed transaction stands in a block: 64
// upper-case hex characters.
func Hash(bytes []byte) string { return fmt.Sprintf("%X", cmttypes.Tx(bytes).Hash()) }

// Rejection is a transaction that a node did not take, or that failed in a
// block, in the chain's words.
type Rejection struct {
	Codespace string
	Code      uint32
	Words     string
}

// Error implements error.
func (r *Rejection) Error() string {
	return fmt.Sprintf("%s (%s %d)", Words(r.Words), r.Codespace, r.Code)
}

// Is compares with the SDK's registered errors by codespace and code.
func (r *Rejection) Is(target error) bool {
	var known interface {
		Codespace() string
		ABCICode() uint32
	}
	return errors.As(target, &known) && known.Codespace() == r.Codespace && known.ABCICode() == r.Code
}

// Broadcast hands a signed transaction to the node, which checks it and puts it
// into its mempool. A transaction that is there already is no error. A refusal
// is a *Rejection.
func (c *Client) Broadcast(ctx context.Context, bytes []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := c.rpc.BroadcastTxSync(ctx, bytes)
	switch {
	case err != nil && strings.Contains(strings.ToLower(err.Error()), "already exists in cache"):
		return nil
	case err != nil:
		return fmt.Errorf("the transaction could not be handed over: %w", plain(err))
	case r.Code == 0 || (r.Codespace == sdkerrors.RootCodespace && r.Code == sdkerrors.ErrTxInMempoolCache.ABCICode()):
		return nil
	default:
		return &Rejection{Codespace: r.Codespace, Code: r.Code, Words: r.Log}
	}
}

// Included is a transaction that stands in a block.
type Included struct {
	Hash    string
	Height  int64
	GasUsed int64
	// Failure is nil when every message succeeded.
	Failure *Rejection
	Data    []byte
}

// ErrNoIndex says that a node keeps no index of transactions.
var ErrNoIndex = errors.New("the node keeps no index of transactions")

// Lookup finds a transaction in the blocks by its hash; ErrNotFound when no
// block holds it yet.
func (c *Client) Lookup(ctx context.Context, hash string) (Included, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	raw, err := hexHash(hash)
	if err != nil {
		return Included{}, err
	}
	r, err := c.rpc.Tx(ctx, raw, false)
	if err != nil {
		// CometBFT gives these two cases no code of their own.
		switch text := err.Error(); {
		case strings.Contains(text, "indexing is disabled"):
			return Included{}, ErrNoIndex
		case strings.Contains(text, "not found"):
			return Included{}, fmt.Errorf("transaction %s: %w", hash, ErrNotFound)
		}
		return Included{}, fmt.Errorf("transaction %s: %w", hash, plain(err))
	}
	out := Included{Hash: hash, Height: r.Height, GasUsed: r.TxResult.GasUsed, Data: r.TxResult.Data}
	if r.TxResult.Code != 0 {
		out.Failure = &Rejection{Codespace: r.TxResult.Codespace, Code: r.TxResult.Code, Words: r.TxResult.Log}
	}
	return out, nil
}

// Wait asks until a block holds the transaction or ctx ends.
func (c *Client) Wait(ctx context.Context, hash string) (Included, error) {
	ask := time.NewTicker(250 * time.Millisecond)
	defer ask.Stop()
	for {
		in, err := c.Lookup(ctx, hash)
		if err == nil || errors.Is(err, ErrNoIndex) {
			return in, err
		}
		select {
		case <-ctx.Done():
			return in, fmt.Errorf("transaction %s is in no block yet: %w", hash, ctx.Err())
		case <-ask.C:
		}
	}
}

// Send prices, signs, broadcasts and waits for a block: for a person at a
// command line, who sees what happens. The worker's own transactions go
// through its outbox. TimeoutHeight is left to the caller.
func (c *Client) Send(ctx context.Context, d Draft, s Signer) (Included, error) {
	account, err := c.Account(ctx, Address(s).String())
	if err != nil {
		return Included{}, err
	}
	d.Account = account
	if d, err = c.Price(ctx, d, s); err != nil {
		return Included{}, fmt.Errorf("the chain would refuse this transaction: %w", err)
	}
	bytes, err := c.Sign(ctx, d, s)
	if err != nil {
		return Included{}, err
	}
	if err := c.Broadcast(ctx, bytes); err != nil {
		return Included{}, err
	}
	in, err := c.Wait(ctx, Hash(bytes))
	if err == nil && in.Failure != nil {
		err = fmt.Errorf("transaction %s failed: %w", in.Hash, in.Failure)
	}
	return in, err
}
