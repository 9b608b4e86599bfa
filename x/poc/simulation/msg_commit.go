package simulation

import (
	"context"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

func (s scene) chainID() string { return sdk.UnwrapSDKContext(s.ctx).ChainID() }

// commitWork commits a node that has not yet to real work.
func commitWork(k *keeper.Keeper, w *workshop) simsx.SimMsgFactoryFn[*types.MsgCommitProof] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgCommitProof) {
		s := newScene(ctx, k, data, reporter)
		if !s.open() {
			reporter.Skip("no window is open")
			return nil, nil
		}
		p, ok := pick(s, "node that has not committed", s.provers(func(p prover) bool { return !p.has && s.works(p) }))
		if !ok {
			return nil, nil
		}
		_, c := w.work(s, p)
		return s.who(p.Address), s.commitment(p, c)
	}
}

func (s scene) commitment(p prover, c proof.Commitment) *types.MsgCommitProof {
	return &types.MsgCommitProof{Node: p.Address, Window: s.window.Height, Kind: proof.KindInt8, Log2N: uint32(c.LogN), Rounds: c.Rounds, Root: c.Root[:]}
}

// lie is a commitment to work that nobody did.
func (s scene) lie() proof.Commitment {
	c := proof.Commitment{LogN: uint8(proof.MinLogN + s.r.Intn(proof.MaxLogN-proof.MinLogN+1)), Rounds: 1 + uint64(s.r.Int63n(int64(s.params.MaxRounds)))}
	s.r.Read(c.Root[:])
	return c
}

// commitLie commits a node to work that it did not do, at times in place of what
// it did: it will be caught, or be silent, or not be drawn.
func commitLie(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgCommitProof] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgCommitProof) {
		s := newScene(ctx, k, data, reporter)
		if !s.open() {
			reporter.Skip("no window is open")
			return nil, nil
		}
		p, ok := pick(s, "node that may prove", s.provers(s.works))
		if !ok {
			return nil, nil
		}
		return s.who(p.Address), s.commitment(p, s.lie())
	}
}

// commitRefused commits at a wrong time, to too much, or for who may not.
func commitRefused(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgCommitProof](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgCommitProof, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		p, ok := pick(s, "node", s.provers(func(prover) bool { return true }))
		if !ok {
			return nil, nil, nil
		}
		m := s.commitment(p, s.lie())
		switch {
		case !s.window.Active() || s.window.Phase != types.PHASE_OPEN:
			m.Window = max(1, m.Window)
			return s.who(p.Address), m, refused(types.ErrWindow)
		case !p.may():
			return s.who(p.Address), m, refused(types.ErrInvalidNode)
		case !s.open(): // the block that opens it
			return s.who(p.Address), m, refused(types.ErrWindow)
		}
		handler := refused(types.ErrInvalidCommit)
		switch s.r.Intn(6) {
		case 0:
			m.Window++
			handler = refused(types.ErrWindow)
		case 1:
			stranger := data.AnyAccount(reporter)
			m.Node = stranger.AddressBech32
			if n, err := k.Compute().Node(ctx, stranger.Address); err == nil {
				reporter.Skipf("%s is a node", n.Address)
				return nil, nil, nil
			}
			handler = refused(types.ErrInvalidNode)
		case 2:
			m.Rounds = s.params.MaxRounds + 1
		case 3:
			m.Kind++
		case 4:
			m.Log2N = proof.MaxLogN + 1
		case 5:
			m.Root = m.Root[1:]
		}
		return s.who(m.Node), m, handler
	})
}
