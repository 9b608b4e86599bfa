package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
)

// callCycles is how many calls one core signs and verifies for all three: the
// customer's request, the node's receipt, and after each call a voucher with
// both signatures. Keys are prepared once, as a lane's are.
func callCycles() (float64, error) {
	var secrets [3]*receipt.SecretKey
	var keys [3]receipt.PublicKey
	for i, name := range []string{"session", "node", "router"} {
		secret, err := receipt.ParseSecretKey(key(name, 0).Bytes())
		if err != nil {
			return 0, err
		}
		secrets[i], keys[i] = secret, secret.Public().Precompute()
	}
	session, node, router := secrets[0], secrets[1], secrets[2]
	owner := keys[0].Address()
	lane := receipt.Lane{Session: receipt.NewSessionID(owner[:], 0), Router: keys[2].Address(), Node: keys[1].Address()}
	var tree receipt.Frontier
	body := []byte("a question")
	call := func(n uint64) error {
		request, err := receipt.Request{Lane: lane, KeyID: 1, Nonce: n, Digest: receipt.RequestDigest(body), MaxPrice: 9, IssuedMs: n, App: "charlm"}.Sign(benchChain, session)
		if err != nil {
			return err
		}
		answer, signed := receipt.Receipt{
			Sequence: n, Request: request, ResponseDigest: receipt.ResponseDigest(body, receipt.Salt{}), Units: 3, Amount: 7, StartedMs: n, FinishedMs: n, Status: receipt.StatusComplete,
		}.Sign(benchChain, node)
		raw, marshalled := answer.MarshalBinary()
		err = errors.Join(request.Verify(benchChain, keys[0]), signed, marshalled, answer.VerifyFor(benchChain, request, keys[1]), tree.Append(raw))
		if err != nil {
			return err
		}
		v, err := receipt.Voucher{Lane: lane, KeyID: 1, Amount: 7 * (n + 1), Count: n + 1, Root: tree.Root()}.Sign(benchChain, session)
		if err != nil {
			return err
		}
		if err := v.VerifyKey(benchChain, keys[0]); err != nil { // the router
			return err
		}
		if v, err = v.Cosign(benchChain, router); err != nil {
			return err
		}
		return errors.Join(v.VerifyKey(benchChain, keys[0]), v.VerifyRouter(benchChain, keys[2])) // the node
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fastest := 0.0
	const calls = 300
	for range rounds {
		begin := processorTime()
		for n := range uint64(calls) {
			if err := call(n); err != nil {
				return 0, err
			}
		}
		fastest = max(fastest, calls/(processorTime()-begin).Seconds())
	}
	return fastest, nil
}

// stmSpeedup is by how much blocks of redemptions, each of a session of its own
// and with its fee, are done sooner when they are executed in parallel.
func stmSpeedup() (speedup float64, cores int, err error) {
	cores = runtime.NumCPU()
	parallel := simtestutil.AppOptionsMap{server.FlagBlockExecutor: serverconfig.BlockExecutorBlockSTM, server.FlagBlockSTMWorkers: cores}
	var chains [2]*bazaar
	for i, options := range []simtestutil.AppOptionsMap{nil, parallel} {
		if chains[i], err = newBazaar(setup{options: options}); err != nil {
			return 0, cores, err
		}
		defer chains[i].close()
	}
	var spans [2][]time.Duration
	for range rounds {
		for i, b := range chains {
			b.calls += callsPerVoucher
			txs, err := b.txs(func(n int) sdk.Msg {
				m, failed := b.redemption(n, 1)
				if failed != nil {
					err = failed
				}
				return m
			})
			if err != nil {
				return 0, cores, err
			}
			begin := time.Now()
			if _, _, err = b.block(txs); err != nil {
				return 0, cores, err
			}
			spans[i] = append(spans[i], time.Since(begin))
			if err := b.paid(); err != nil {
				return 0, cores, err
			}
		}
	}
	fmt.Printf("  a block of %d redemptions: one after the other %.0f ms, in parallel %.0f ms\n", senders, best(spans[0])*1e3, best(spans[1])*1e3)
	return best(spans[0]) / best(spans[1]), cores, nil
}
