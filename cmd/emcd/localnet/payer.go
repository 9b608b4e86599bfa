package localnet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	clienttx "github.com/cosmos/cosmos-sdk/client/tx"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
)

const (
	// maxWaiting bounds the payments that wait, maxBatch those of one transaction.
	maxWaiting = 256
	maxBatch   = 64
	// confirmTimeout is how long a payment may take to be in a block.
	confirmTimeout = 30 * time.Second
	// gasBase and gasEach bound the gas of a transaction with n recipients, with a margin.
	gasBase, gasEach = 120_000, 60_000
)

// chainPayer pays from one key. Payments that wait while a block is made go
// together into the next one, so that many customers do not queue for a second each.
type chainPayer struct {
	ctx     client.Context
	factory clienttx.Factory
	key     string
	from    sdk.AccAddress
	prices  sdk.DecCoins
	waiting chan *payment
}

type payment struct {
	ctx   context.Context
	to    sdk.AccAddress
	coins sdk.Coins
	done  chan result
}

type result struct {
	receipt receipt
	err     error
}

func newChainPayer(clientCtx client.Context, ring keyring.Keyring, key, chainID string, prices sdk.DecCoins) (*chainPayer, error) {
	record, err := ring.Key(key)
	if err != nil {
		return nil, fmt.Errorf("the faucet's key %q: %w", key, err)
	}
	from, err := record.GetAddress()
	if err != nil {
		return nil, err
	}
	clientCtx = clientCtx.WithKeyring(ring).WithChainID(chainID).WithFromName(key).WithFromAddress(from).
		WithBroadcastMode(flags.BroadcastSync)
	return &chainPayer{
		ctx: clientCtx,
		factory: clienttx.Factory{}.WithChainID(chainID).WithKeybase(ring).WithTxConfig(clientCtx.TxConfig).
			WithAccountRetriever(clientCtx.AccountRetriever),
		key: key, from: from, prices: prices, waiting: make(chan *payment, maxWaiting),
	}, nil
}

func (p *chainPayer) address() sdk.AccAddress { return p.from }

func (p *chainPayer) balance(ctx context.Context) (sdk.Coins, error) {
	response, err := banktypes.NewQueryClient(p.ctx).AllBalances(ctx, &banktypes.QueryAllBalancesRequest{Address: p.from.String()})
	if err != nil {
		return nil, err
	}
	return response.Balances, nil
}

// pay queues a payment and waits for its block.
func (p *chainPayer) pay(ctx context.Context, to sdk.AccAddress, coins sdk.Coins) (receipt, error) {
	one := &payment{ctx: ctx, to: to, coins: coins, done: make(chan result, 1)}
	select {
	case p.waiting <- one:
	default:
		return receipt{}, errBusy
	}
	select {
	case r := <-one.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return receipt{}, ctx.Err()
	}
}

// run pays what waits until ctx ends.
func (p *chainPayer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-p.waiting:
			batch := p.collect(first)
			if len(batch) == 0 {
				continue
			}
			paid, err := p.send(ctx, batch)
			for _, one := range batch {
				one.done <- result{paid, err}
			}
		}
	}
}

// collect takes what waits, without those who have gone away.
func (p *chainPayer) collect(first *payment) (batch []*payment) {
	for one := first; one != nil; {
		if one.ctx.Err() == nil {
			batch = append(batch, one)
		}
		one = nil
		if len(batch) < maxBatch {
			select {
			case one = <-p.waiting:
			default:
			}
		}
	}
	return batch
}

// send pays a batch in one transaction and waits for its block.
func (p *chainPayer) send(ctx context.Context, batch []*payment) (receipt, error) {
	var total sdk.Coins
	var outputs []banktypes.Output
	for _, one := range batch {
		total = total.Add(one.coins...)
		outputs = append(outputs, banktypes.NewOutput(one.to, one.coins))
	}
	msg := banktypes.NewMsgMultiSend(banktypes.NewInput(p.from, total), outputs)

	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		paid, err := p.broadcast(ctx, msg, uint64(gasBase+gasEach*len(batch)))
		// Somebody may have used the faucet's key by hand in the meantime.
		if attempt == 0 && errors.Is(err, sdkerrors.ErrWrongSequence) {
			continue
		}
		return paid, err
	}
}

func (p *chainPayer) broadcast(ctx context.Context, msg sdk.Msg, gas uint64) (receipt, error) {
	number, sequence, err := p.ctx.AccountRetriever.GetAccountNumberSequence(p.ctx, p.from)
	if err != nil {
		return receipt{}, fmt.Errorf("read the faucet's account: %w", err)
	}
	factory := p.factory.WithAccountNumber(number).WithSequence(sequence).WithGas(gas).WithFees(p.fees(gas).String())
	builder, err := factory.BuildUnsignedTx(msg)
	if err != nil {
		return receipt{}, err
	}
	if err := clienttx.Sign(ctx, factory, p.key, builder, true); err != nil {
		return receipt{}, err
	}
	raw, err := p.ctx.TxConfig.TxEncoder()(builder.GetTx())
	if err != nil {
		return receipt{}, err
	}
	response, err := p.ctx.BroadcastTxSync(raw)
	if err != nil {
		return receipt{}, err
	}
	if response.Code != 0 {
		if response.Codespace == sdkerrors.RootCodespace && response.Code == sdkerrors.ErrWrongSequence.ABCICode() {
			return receipt{}, sdkerrors.ErrWrongSequence
		}
		return receipt{}, errors.New(response.RawLog)
	}
	return p.confirm(ctx, response.TxHash)
}

// confirm waits until the transaction is in a block.
func (p *chainPayer) confirm(ctx context.Context, hash string) (receipt, error) {
	raw, err := hex.DecodeString(hash)
	if err != nil {
		return receipt{}, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		found, err := p.ctx.Client.Tx(ctx, raw, false)
		if err == nil {
			if found.TxResult.Code != 0 {
				return receipt{}, errors.New(found.TxResult.Log)
			}
			return receipt{Hash: strings.ToUpper(hash), Height: found.Height}, nil
		}
		select {
		case <-ctx.Done():
			return receipt{}, fmt.Errorf("transaction %s is not in a block yet: %w", hash, ctx.Err())
		case <-ticker.C:
		}
	}
}

// fees returns what gas costs, rounded up.
func (p *chainPayer) fees(gas uint64) sdk.Coins {
	var fees sdk.Coins
	for _, price := range p.prices {
		fees = fees.Add(sdk.NewCoin(price.Denom, price.Amount.MulInt(math.NewIntFromUint64(gas)).Ceil().TruncateInt()))
	}
	return fees
}
