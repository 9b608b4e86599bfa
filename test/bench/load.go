package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	jsonrpcclient "github.com/cometbft/cometbft/rpc/jsonrpc/client"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
)

const (
	// loadWorkers hand transactions over at the same time, each those of its own
	// senders: the chain takes a sender's in the order of their sequence.
	loadWorkers = 8
	// mempoolFull is how many transactions wait before the load pauses, some
	// seconds' worth. The chain is busy either way: it checks what is handed over
	// while it waits for the next block.
	mempoolFull = 4_000
	// warmUp blocks with transactions pass before the first that counts.
	warmUp = 3
	// batch is how many transactions go in one request: as many as the node's
	// default configuration allows.
	batch = 10
	// signedAhead bounds the transactions of one measurement.
	signedAhead = 60_000
)

// load keeps a chain's mempool full.
type load struct {
	rpc      *rpchttp.HTTP
	rpcs     []*rpchttp.HTTP // one a worker: each has connections of its own
	chain    chainclient.Config
	keys     []*secp256k1.PrivKey
	accounts []chainclient.Account
}

func newLoad(ctx context.Context, url, chainID string) (*load, error) {
	rpc, err := newRPC(url)
	if err != nil {
		return nil, err
	}
	l := &load{rpc: rpc, chain: chainclient.Config{RPC: url, ChainID: chainID, Timeout: time.Minute}}
	client, err := chainclient.New(l.chain)
	if err != nil {
		return nil, err
	}
	// Without a faucet the network is ready before its first block.
	for deadline := time.Now().Add(time.Minute); ; {
		head, err := client.Head(ctx)
		if err == nil && head.Height > 1 {
			break
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the chain makes no blocks: height %d: %w", head.Height, errors.Join(err, context.DeadlineExceeded))
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
	for range loadWorkers {
		r, err := newRPC(url)
		if err != nil {
			return nil, err
		}
		l.rpcs = append(l.rpcs, r)
	}
	for i := range senders {
		k := key("sender", i)
		a, err := client.Account(ctx, addressOf(k).String())
		if err != nil {
			return nil, err
		}
		l.keys, l.accounts = append(l.keys, k), append(l.accounts, a)
	}
	return l, nil
}

// newRPC returns a client with connections of its own. It gives up idle ones
// before the node does, after ten seconds: a request that meets the node's
// closing gets no answer.
func newRPC(url string) (*rpchttp.HTTP, error) {
	c, err := jsonrpcclient.DefaultHTTPClient(url)
	if err != nil {
		return nil, err
	}
	if t, ok := c.Transport.(*http.Transport); ok {
		t.IdleConnTimeout = 3 * time.Second
	}
	return rpchttp.NewWithClient(url, "/websocket", c)
}

// measure returns how many transactions a second with the given message the
// chain takes while more of them wait than it can take.
func (l *load) measure(ctx context.Context, message func(sender int) sdk.Msg) (float64, error) {
	queues, err := l.sign(ctx, message)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var waiting atomic.Int64 // in the chain's mempool
	errs := make(chan error, loadWorkers+1)
	var workers sync.WaitGroup
	for w := range loadWorkers {
		workers.Go(func() { errs <- l.pump(ctx, w, queues, &waiting) })
	}
	rate, err := l.watch(ctx, &waiting, errs)
	stop()
	workers.Wait()
	if err != nil {
		return 0, err
	}
	return rate, l.drain(&waiting)
}

// sign makes each sender's next transactions, with the gas that one of them
// uses and a fifth more.
func (l *load) sign(ctx context.Context, message func(int) sdk.Msg) ([][][]byte, error) {
	client, err := chainclient.New(l.chain) // a fresh one: see newRPC
	if err != nil {
		return nil, err
	}
	probe := chainclient.Draft{Messages: []sdk.Msg{message(0)}, Account: l.accounts[0]}
	used, err := client.Simulate(ctx, probe, chainclient.KeySigner{Key: l.keys[0]})
	if err != nil {
		return nil, err
	}
	gas := used + used/5
	queues := make([][][]byte, senders)
	errs := make([]error, loadWorkers)
	var workers sync.WaitGroup
	for w := range loadWorkers {
		workers.Go(func() {
			for i := w; i < senders; i += loadWorkers {
				account := l.accounts[i]
				for range signedAhead / senders {
					draft := chainclient.Draft{Messages: []sdk.Msg{message(i)}, Gas: gas, Fee: fee(gas), Account: account}
					bytes, err := client.Sign(ctx, draft, chainclient.KeySigner{Key: l.keys[i]})
					if err != nil {
						errs[w] = err
						return
					}
					queues[i] = append(queues[i], bytes)
					account.Sequence++
				}
			}
		})
	}
	workers.Wait()
	return queues, errors.Join(errs...)
}

// pump hands over the transactions of every eighth sender, in turns, while
// fewer wait than the mempool shall hold.
func (l *load) pump(ctx context.Context, worker int, queues [][][]byte, waiting *atomic.Int64) error {
	var own []int
	for i := worker; i < senders; i += loadWorkers {
		own = append(own, i)
	}
	for n := range signedAhead / senders {
		for some := range slices.Chunk(own, batch) {
			for waiting.Load() > mempoolFull {
				if err := pause(ctx, 20*time.Millisecond); err != nil {
					return nil
				}
			}
			if ctx.Err() != nil {
				return nil
			}
			if err := l.hand(worker, some, queues, n); err != nil {
				return err
			}
			waiting.Add(int64(len(some)))
		}
	}
	return errors.New("the signed transactions have run out; raise signedAhead")
}

// hand gives the node the n-th transaction of some senders and checks that it
// took each. No context ends it: what the chain has taken must stay known.
func (l *load) hand(worker int, some []int, queues [][][]byte, n int) error {
	request := l.rpcs[worker].NewBatch()
	for _, i := range some {
		if _, err := request.BroadcastTxSync(context.Background(), queues[i][n]); err != nil {
			return err
		}
	}
	answers, err := request.Send(context.Background())
	if err != nil {
		return err
	}
	for k, i := range some {
		if r, ok := answers[k].(*coretypes.ResultBroadcastTx); !ok || r.Code != 0 {
			return fmt.Errorf("the node refused a transaction: %+v", answers[k])
		}
		l.accounts[i].Sequence++
	}
	return nil
}

// watch counts what the chain's blocks take for the window, by their own times.
func (l *load) watch(ctx context.Context, waiting *atomic.Int64, errs <-chan error) (float64, error) {
	status, err := l.rpc.Status(ctx)
	if err != nil {
		return 0, err
	}
	height := status.SyncInfo.LatestBlockHeight
	var first time.Time
	warm, taken := 0, 0
	for {
		select {
		case err := <-errs:
			if err != nil {
				return 0, err
			}
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if err := l.count(ctx, waiting); err != nil {
			return 0, err
		}
		if status, err = l.rpc.Status(ctx); err != nil {
			return 0, err
		}
		// The newest block may not have its results yet.
		for height < status.SyncInfo.LatestBlockHeight-1 {
			height++
			n, at, err := l.block(ctx, height)
			switch {
			case err != nil:
				return 0, err
			case warm < warmUp:
				if n > 0 {
					warm, first = warm+1, at
				}
				continue
			}
			taken += n
			if span := at.Sub(first); span >= tpsWindow {
				return float64(taken) / span.Seconds(), nil
			}
		}
	}
}

// count asks how many transactions wait.
func (l *load) count(ctx context.Context, waiting *atomic.Int64) error {
	pool, err := l.rpc.NumUnconfirmedTxs(ctx)
	if err != nil {
		return err
	}
	waiting.Store(int64(pool.Total))
	return nil
}

// block counts a block's transactions, each of which has to have succeeded.
func (l *load) block(ctx context.Context, height int64) (int, time.Time, error) {
	header, err := l.rpc.Header(ctx, &height)
	if err != nil {
		return 0, time.Time{}, err
	}
	results, err := l.rpc.BlockResults(ctx, &height)
	if err != nil {
		return 0, time.Time{}, err
	}
	count := 0
	for i, r := range results.TxsResults {
		if r.Code != 0 {
			return 0, time.Time{}, fmt.Errorf("transaction %d of block %d failed: %s", i, height, r.Log)
		}
		if r.GasWanted > 0 { // not the proposer's contribution to the beacon
			count++
		}
	}
	return count, header.Header.Time, nil
}

// drain waits until nothing of this measurement is left for the next one.
func (l *load) drain(waiting *atomic.Int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		if err := l.count(ctx, waiting); err != nil {
			return err
		}
		if waiting.Load() == 0 {
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%d transactions still wait: %w", waiting.Load(), err)
		}
	}
}

// pause sleeps unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
