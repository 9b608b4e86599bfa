package main

import (
	"fmt"

	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// callsPerVoucher is what one voucher settles here.
const callsPerVoucher = 10_000

// marketFigures measure what calls cost, on the chain and off it.
func marketFigures() ([]Figure, error) {
	redeem, err := measureRedemption()
	if err != nil {
		return nil, fmt.Errorf("redemption: %w", err)
	}
	cycles, err := callCycles()
	if err != nil {
		return nil, fmt.Errorf("call cycles: %w", err)
	}
	speedup, workers, err := stmSpeedup()
	if err != nil {
		return nil, fmt.Errorf("parallel execution: %w", err)
	}
	return []Figure{
		{"market.redeem.gas_per_call", redeem.alone / callsPerVoucher, "gas (a transaction of one voucher for 10,000 calls)", "<= 50"},
		{"market.redeem.gas_per_voucher.vs_bank_send", redeem.each / redeem.send, "ratio", "<= 3"},
		{"market.redeem.sessions_per_tx", float64(redeem.most), "sessions", ">= 200"},
		{"receipt.call_cycles_per_second_core", cycles, "calls, each signed and verified by all", ">= 3000"},
		{"receipt.bytes", float64(receipt.MaxReceiptBytes), "bytes at most", "< 512"},
		{"voucher.bytes", float64(receipt.VoucherBytes), "bytes", "-"},
		{"stm.speedup", speedup, fmt.Sprintf("ratio on %d cores", workers), "-"},
	}, nil
}

// bazaar is a chain on which every sender has a session through one router.
type bazaar struct {
	*chain
	sessions []string
	calls    uint64 // that were settled so far
}

func newBazaar(s setup) (*bazaar, error) {
	router := computetypes.Node{
		Address: addressOf(key("router", 0)).String(), Pubkey: key("router", 0).PubKey().Bytes(), Operator: addressOf(key("sender", 0)).String(),
		Role: computetypes.ROLE_ROUTER, Offer: computetypes.Offer{SlotHourPrice: types.Uemc(sdkmath.ZeroInt())},
		Stake: sdkmath.NewInt(1_000_000_000), Deposit: sdkmath.OneInt(), ReservedStake: sdkmath.ZeroInt(), RegisteredAt: chainStart().Unix(),
	}
	s.nodes = append(s.nodes, router)
	c, err := startChain(s)
	if err != nil {
		return nil, err
	}
	b := &bazaar{chain: c}
	txs, err := c.txs(func(i int) sdk.Msg {
		owner := addressOf(c.keys[i])
		b.sessions = append(b.sessions, types.SessionID(owner, 0))
		deposit := types.Uemc(sdkmath.NewInt(1_000_000_000))
		return &types.MsgOpenSession{
			Owner: owner.String(), Deposit: deposit, Key: key("session", i).PubKey().Bytes(), Seconds: 86_400,
			Allotments: []types.Allotment{{Router: router.Address, Amount: deposit}},
		}
	})
	if err != nil {
		return nil, err
	}
	_, _, err = c.block(txs)
	return b, err
}

// voucher is the i-th session's next one, to a node that is the account of
// somebody else.
func (b *bazaar) voucher(i int) (types.Voucher, error) {
	session, err := receipt.ParseSessionID(b.sessions[i])
	if err != nil {
		return types.Voucher{}, err
	}
	v := receipt.Voucher{
		Lane: receipt.Lane{
			Session: session, Router: receipt.Address(addressOf(key("router", 0))), Node: receipt.Address(addressOf(b.keys[(i+senders/2)%senders])),
		},
		KeyID: 1, Amount: b.calls * 7, Count: b.calls, Root: receipt.LeafHash([]byte(fmt.Sprint(b.calls))),
	}
	if v, err = v.Sign(benchChain, key("session", i)); err != nil {
		return types.Voucher{}, err
	}
	v, err = v.Cosign(benchChain, key("router", 0))
	return types.FromReceipt(v), err
}

// redemption is a message for the sessions from first on.
func (b *bazaar) redemption(first, count int) (*types.MsgRedeemVouchers, error) {
	m := &types.MsgRedeemVouchers{Sender: addressOf(b.keys[first]).String()}
	for i := first; i < first+count; i++ {
		v, err := b.voucher(i)
		if err != nil {
			return nil, err
		}
		m.Vouchers = append(m.Vouchers, v)
	}
	return m, nil
}

// paid makes sure that a block's redemptions were paid, not only answered.
func (b *bazaar) paid() error {
	for i := range b.sessions {
		s, err := b.app.MarketKeeper.Session(b.app.NewContext(true), b.sessions[i])
		if err != nil {
			return err
		}
		if want := sdkmath.NewIntFromUint64(b.calls * 7); !s.Routers[0].Redeemed.Equal(want) {
			return fmt.Errorf("session %d paid %s, expected %s: the measurement proves nothing", i, s.Routers[0].Redeemed, want)
		}
	}
	return nil
}

// gas of a redemption: of a transaction with one voucher, of each voucher in the
// greatest transaction, of a transfer, and how many vouchers the greatest one has.
type redemptionGas struct {
	alone, each, send float64
	most              int
}

func measureRedemption() (g redemptionGas, err error) {
	b, err := newBazaar(setup{})
	if err != nil {
		return g, err
	}
	defer b.close()
	for range 2 { // the first time a lane is new
		b.calls += callsPerVoucher
		txs, err := b.txs(func(i int) sdk.Msg {
			m, failed := b.redemption(i, 1)
			if failed != nil {
				err = failed
			}
			return m
		})
		if err != nil {
			return g, err
		}
		_, res, err := b.block(txs)
		if err != nil {
			return g, err
		}
		if err := b.paid(); err != nil {
			return g, err
		}
		g.alone = float64(res.TxResults[senders/2].GasUsed)
	}
	b.calls += callsPerVoucher
	g.most = min(senders, int(types.DefaultParams().MaxVouchers))
	whole, err := b.redemption(0, g.most)
	if err != nil {
		return g, err
	}
	tx, err := b.sign(0, params.BlockMaxGas, whole)
	if err != nil {
		return g, err
	}
	if len(tx) > params.BlockMaxBytes {
		return g, fmt.Errorf("%d vouchers take %d bytes, a block has %d", g.most, len(tx), params.BlockMaxBytes)
	}
	span, res, err := b.block([][]byte{tx})
	if err != nil {
		return g, err
	}
	if err := b.paid(); err != nil {
		return g, err
	}
	used := float64(res.TxResults[0].GasUsed)
	if used > params.BlockMaxGas {
		return g, fmt.Errorf("%d vouchers take %.0f gas, a block has %d", g.most, used, int64(params.BlockMaxGas))
	}
	g.each = used / float64(g.most)
	if tx, err = b.tx(0, b.send(0)); err != nil {
		return g, err
	}
	if _, res, err = b.block([][]byte{tx}); err != nil {
		return g, err
	}
	g.send = float64(res.TxResults[0].GasUsed)
	fmt.Printf("  one voucher %.0f gas, %d in one transaction %.0f gas each and %.2f s of processor time, a transfer %.0f gas\n", g.alone, g.most, g.each, span.Seconds(), g.send)
	return g, nil
}
