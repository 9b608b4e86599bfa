package simulation

import (
	"context"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

// revealRight opens an honest commitment: it must be found right.
func revealRight(k *keeper.Keeper, w *workshop) simsx.SimMsgFactoryFn[*types.MsgRevealProof] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRevealProof) {
		s := newScene(ctx, k, data, reporter)
		p, ok := pick(s, "honest node to reveal", filter(s.asked(), func(p prover) bool { return w.honest(s, p) }))
		if !ok {
			return nil, nil
		}
		return s.who(p.Address), s.reveal(p, w.open(s, p))
	}
}

// revealWrong opens a lie, or spoils the proof of honest work: it must be found
// wrong, and be punished.
func revealWrong(k *keeper.Keeper, w *workshop) simsx.SimMsgFactoryFn[*types.MsgRevealProof] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRevealProof) {
		s := newScene(ctx, k, data, reporter)
		asked := s.asked()
		liars := filter(asked, func(p prover) bool { return !w.honest(s, p) })
		if len(liars) == 0 && s.r.Intn(8) == 0 {
			liars = asked
		}
		p, ok := pick(s, "liar to reveal", liars)
		if !ok {
			return nil, nil
		}
		openings := make([]byte, proof.Size(p.commit.Commitment(), s.window.SamplesOf(p.commit)))
		if w.honest(s, p) {
			openings = w.open(s, p)
			openings[s.r.Intn(len(openings))] ^= 1 << s.r.Intn(8)
		} else {
			s.r.Read(openings)
		}
		return s.who(p.Address), s.reveal(p, openings)
	}
}

func (s scene) reveal(p prover, openings []byte) *types.MsgRevealProof {
	return &types.MsgRevealProof{Node: p.Address, Window: s.window.Height, Proof: openings}
}

// revealRefused reveals at a wrong time, for who is not drawn, twice, or with a
// wrong length.
func revealRefused(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRevealProof](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRevealProof, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		p, ok := pick(s, "node", s.provers(func(prover) bool { return true }))
		if !ok {
			return nil, nil, nil
		}
		m := s.reveal(p, make([]byte, 1+s.r.Intn(100)))
		handler := refused(types.ErrInvalidProof)
		switch {
		case !s.window.Active() || s.window.Phase != types.PHASE_REVEAL:
			m.Window = max(1, m.Window)
			handler = refused(types.ErrWindow)
		case s.r.Intn(4) == 0:
			m.Window++
			handler = refused(types.ErrWindow)
		case !p.has, !s.window.Drawn(p.commit):
			handler = refused(types.ErrNotDrawn)
		case p.commit.Outcome != types.OUTCOME_PENDING:
			handler = refused(types.ErrWindow)
		}
		return s.who(p.Address), m, handler
	})
}

func filter[T any](list []T, ok func(T) bool) []T {
	var out []T
	for _, one := range list {
		if ok(one) {
			out = append(out, one)
		}
	}
	return out
}
