package jobclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/tx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"github.com/edgematrix/emc/x/compute/types"
)

const (
	// voidAfter is the number of blocks within which a transaction must be in a block: long enough to press the button of
	// a Ledger, short enough to wait for certainty.
	voidAfter = 120
	// lookEvery is the time between two looks for a transaction.
	lookEvery = 200 * time.Millisecond
	// sendAgain is the time after which a transaction that no node took is sent again.
	sendAgain = 3 * time.Second
	// sequenceTries bounds how often a transaction is signed anew because another one of the same key came first.
	sequenceTries = 50
)

// wallet implements Wallet over the SDK's keyring and client.
type wallet struct {
	ctx     client.Context
	factory tx.Factory
}

// NewWallet returns a wallet that signs with the context's key, as the factory says. The context must have a from
// address.
func NewWallet(ctx client.Context, factory tx.Factory) Wallet { return wallet{ctx, factory} }

// Address implements Wallet.
func (w wallet) Address() string { return w.ctx.FromAddress.String() }

// Fee implements Wallet.
func (w wallet) Fee(ctx context.Context, msg sdk.Msg) (fee sdk.Coin, err error) {
	err = inSequence(ctx, func() error {
		f, err := w.priced(msg)
		if err != nil {
			return err
		}
		fees, err := feesOf(f, msg)
		fee = types.Uemc(fees.AmountOf(types.Denom))
		return err
	})
	return fee, err
}

// inSequence tries again when another transaction of the same key, still on its way, has taken the sequence.
func inSequence(ctx context.Context, act func() error) error {
	for try := 1; ; try++ {
		err := act()
		if !errors.Is(err, errSequence) || try == sequenceTries {
			return err
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// priced is the factory with account, sequence and gas.
func (w wallet) priced(msg sdk.Msg) (tx.Factory, error) {
	f, err := w.factory.Prepare(w.ctx)
	if err != nil {
		return f, fmt.Errorf("account %s: %s", w.Address(), Plain(err.Error()))
	}
	if !f.SimulateAndExecute() {
		return f, nil
	}
	_, gas, err := tx.CalculateGas(w.ctx, f, msg)
	// A simulation's error comes as text only.
	if err != nil && strings.Contains(err.Error(), sdkerrors.ErrWrongSequence.Error()) {
		return f, errSequence
	}
	if err != nil {
		return f, &TxError{Words: Plain(err.Error()), Fee: types.Uemc(math.ZeroInt())}
	}
	return f.WithGas(gas), nil
}

func feesOf(f tx.Factory, msg sdk.Msg) (sdk.Coins, error) {
	b, err := f.BuildUnsignedTx(msg)
	if err != nil {
		return nil, err
	}
	return b.GetTx().GetFee(), nil
}

// Send implements Wallet.
func (w wallet) Send(ctx context.Context, msg sdk.Msg, signed func(hash string) error) (t Tx, err error) {
	err = inSequence(ctx, func() error {
		t, err = w.sendOnce(ctx, msg, signed)
		return err
	})
	return t, err
}

// errSequence: another transaction of this key is on its way.
var errSequence = errors.New("another transaction of this account came first; try again")

func (w wallet) sendOnce(ctx context.Context, msg sdk.Msg, signed func(hash string) error) (Tx, error) {
	f, err := w.priced(msg)
	if err != nil {
		return Tx{}, err
	}
	node, err := w.ctx.GetNode()
	if err != nil {
		return Tx{}, err
	}
	status, err := node.Status(ctx)
	if err != nil {
		return Tx{}, fmt.Errorf("the chain does not answer: %w", err)
	}
	first, last := status.SyncInfo.LatestBlockHeight, status.SyncInfo.LatestBlockHeight+voidAfter
	f = f.WithTimeoutHeight(uint64(last))
	b, err := f.BuildUnsignedTx(msg)
	if err != nil {
		return Tx{}, err
	}
	if err := tx.Sign(ctx, f, w.ctx.FromName, b, true); err != nil {
		return Tx{}, fmt.Errorf("signing with key %s: %w", w.ctx.FromName, err)
	}
	raw, err := w.ctx.TxConfig.TxEncoder()(b.GetTx())
	if err != nil {
		return Tx{}, err
	}
	sum := sha256.Sum256(raw)
	t := Tx{Hash: strings.ToUpper(hex.EncodeToString(sum[:])), Fee: types.Uemc(b.GetTx().GetFee().AmountOf(types.Denom))}
	if err := signed(t.Hash); err != nil {
		return Tx{}, err
	}
	if ctx.Err() != nil { // nothing has been sent
		return Tx{}, ctx.Err()
	}
	return w.settle(ctx, t, raw, sum[:], first, last)
}

// settle sends the same bytes until a block holds them, or none can any more. Sending twice does no harm: the sequence
// lets them count once. Whether no block holds them is read from the blocks from first to last themselves: the index
// follows them a moment later, and a node that was killed has lost part of it. Taken for void, a submission that is in
// a block would be ordered again, or its key thrown away.
func (w wallet) settle(ctx context.Context, t Tx, raw, hash []byte, first, last int64) (Tx, error) {
	var sentAt time.Time
	readAt := time.Now()
	accepted := false
	for {
		if !accepted && time.Since(sentAt) > sendAgain {
			sentAt = time.Now()
			res, err := w.ctx.BroadcastTxSync(raw)
			switch {
			case err != nil: // it may have been taken all the same: the look below tells
			case res.Code == 0, isCached(res):
				accepted = true
			case res.Codespace == sdkerrors.RootCodespace && res.Code == sdkerrors.ErrMempoolIsFull.ABCICode():
			case res.Codespace == sdkerrors.RootCodespace && res.Code == sdkerrors.ErrWrongSequence.ABCICode():
				found, done, err := w.read(ctx, t, hash, &first, last)
				switch {
				case done:
					return found, err
				case err == nil:
					return t, errSequence
				}
			default:
				return t, &TxError{Words: Plain(res.RawLog), Fee: types.Uemc(math.ZeroInt())}
			}
		}
		if found, done, err := w.look(ctx, t, hash); done {
			return found, err
		}
		if time.Since(readAt) > sendAgain {
			readAt = time.Now()
			if found, done, err := w.read(ctx, t, hash, &first, last); done {
				return found, err
			}
		}
		if void, err := w.isVoid(ctx, last); err == nil && void {
			found, done, err := w.read(ctx, t, hash, &first, last)
			switch {
			case done:
				return found, err
			case err == nil:
				return t, ErrVoid
			}
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return t, err
		}
	}
}

func isCached(res *sdk.TxResponse) bool {
	return res.Codespace == sdkerrors.RootCodespace && res.Code == sdkerrors.ErrTxInMempoolCache.ABCICode()
}

func (w wallet) isVoid(ctx context.Context, last int64) (bool, error) {
	node, err := w.ctx.GetNode()
	if err != nil {
		return false, err
	}
	status, err := node.Status(ctx)
	return err == nil && status.SyncInfo.LatestBlockHeight > last, err
}

// look asks for the transaction by its hash; done says that its fate is known.
func (w wallet) look(ctx context.Context, t Tx, hash []byte) (_ Tx, done bool, _ error) {
	node, err := w.ctx.GetNode()
	if err != nil {
		return t, true, err
	}
	found, err := node.Tx(ctx, hash, false)
	if err != nil {
		if strings.Contains(err.Error(), "indexing is disabled") {
			return t, true, fmt.Errorf("the chain's node at %s keeps no index of transactions: use another one with --node", w.ctx.NodeURI)
		}
		return t, false, nil
	}
	return included(t, found.Height, found.TxResult)
}

// read looks for the transaction in the blocks, and moves first beyond those that do not hold it. Neither done nor an
// error means that none does, for certain; with an error the blocks could not be read now.
func (w wallet) read(ctx context.Context, t Tx, hash []byte, first *int64, last int64) (_ Tx, done bool, _ error) {
	node, err := w.ctx.GetNode()
	if err != nil {
		return t, true, err
	}
	status, err := node.Status(ctx)
	if err != nil {
		return t, false, err
	}
	if status.SyncInfo.EarliestBlockHeight > *first {
		return t, true, fmt.Errorf("whether the transaction is in a block is not known: the chain's node at %s no longer has block %d: use another one with --node", w.ctx.NodeURI, *first)
	}
	for *first = max(*first, 1); *first <= min(last, status.SyncInfo.LatestBlockHeight); *first++ {
		height := *first
		block, err := node.Block(ctx, &height)
		if err != nil {
			return t, false, err
		}
		i := block.Block.Txs.IndexByHash(hash)
		if i < 0 {
			continue
		}
		results, err := node.BlockResults(ctx, &height)
		if err != nil {
			return t, false, err
		}
		return included(t, height, *results.TxsResults[i])
	}
	return t, false, nil
}

// included is the transaction with what became of it in its block.
func included(t Tx, height int64, result abci.ExecTxResult) (_ Tx, done bool, err error) {
	t.Height = height
	if result.Code != 0 {
		return t, true, &TxError{Hash: t.Hash, Words: Plain(result.Log), Fee: t.Fee}
	}
	t.Response, err = response(result)
	return t, true, err
}

// response is the answer to the transaction's one message.
func response(result abci.ExecTxResult) ([]byte, error) {
	var data sdk.TxMsgData
	if err := data.Unmarshal(result.Data); err != nil {
		return nil, fmt.Errorf("the chain's answer cannot be read: %w", err)
	}
	if len(data.MsgResponses) != 1 {
		return nil, fmt.Errorf("the chain's answer holds %d responses, expected 1", len(data.MsgResponses))
	}
	return data.MsgResponses[0].Value, nil
}
