package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/keeper"
	"github.com/edgematrix/emc/x/market/types"
)

type (
	handler = simsx.SimDeliveryResultHandler
	source  = *simsx.ChainDataSource
	report  = simsx.SimulationReporter
	signers = []simsx.SimAccount
)

// mostSessions is how many sessions are open at once: few, so that each gets somewhere.
const mostSessions = 12

// openSession pays a deposit, with the routers that there are.
func openSession(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgOpenSession](func(ctx context.Context, data source, reporter report) (signers, *types.MsgOpenSession, handler) {
		s := newScene(ctx, k, data, reporter)
		if len(s.sessions(in(types.SESSION_STATUS_OPEN))) >= mostSessions {
			reporter.Skip("enough sessions")
			return nil, nil, nil
		}
		owner := data.AnyAccount(reporter)
		deposit := types.Uemc(s.params.MinDeposit.Amount.AddRaw(1 + s.r.Int63n(20_000_000)))
		if reporter.IsSkipped() || !s.rich(owner, deposit) {
			return nil, nil, nil
		}
		sequence, err := k.NextSequence(ctx, owner.Address)
		if err != nil {
			panic(err)
		}
		return signers{owner}, &types.MsgOpenSession{
			Owner: owner.AddressBech32, Deposit: deposit, Key: SessionKey(owner.AddressBech32, sequence, 1).PubKey().Bytes(),
			Allotments: s.allotments(types.Session{}, deposit.Amount), Seconds: uint64(1 + s.r.Int63n(int64(s.params.MaxSessionSeconds))),
		}, nil
	})
}

// allotments share a part of an amount among bonded routers that fit into a session.
func (s scene) allotments(of types.Session, amount math.Int) []types.Allotment {
	var out []types.Allotment
	room := types.MaxRouters - len(of.Routers)
	for _, n := range s.nodes(computetypes.ROLE_ROUTER, anyNode) {
		bound := of.Router(n.Address) != nil
		if !amount.IsPositive() || s.r.Intn(4) == 0 || (!bound && (room == 0 || !bonded(n))) || len(out) == types.MaxRouters {
			continue
		}
		if !bound {
			room--
		}
		part := math.NewInt(s.r.Int63n(amount.Int64() + 1))
		amount = amount.Sub(part)
		out = append(out, types.Allotment{Router: n.Address, Amount: types.Uemc(part)})
	}
	return out
}

// topUpSession adds money, allotments and time. A session with a funder takes neither money nor time.
func topUpSession(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgTopUpSession](func(ctx context.Context, data source, reporter report) (signers, *types.MsgTopUpSession, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "open session", s.sessions(in(types.SESSION_STATUS_OPEN)))
		if !ok {
			return nil, nil, nil
		}
		result := handler(nil)
		if session.Funded() {
			result = refused(types.ErrFunded)
		}
		owner := data.GetAccount(reporter, session.Owner)
		amount := types.Uemc(s.params.MinDeposit.Amount.AddRaw(1 + s.r.Int63n(5_000_000)))
		if !s.rich(owner, amount) {
			return nil, nil, nil
		}
		return signers{owner}, &types.MsgTopUpSession{
			Owner: session.Owner, Session: session.Id, Amount: amount, Seconds: uint64(s.r.Int63n(int64(s.params.MaxSessionSeconds))),
			Allotments: s.allotments(session, session.Free().Add(amount.Amount)),
		}, result
	})
}

// topUpTooMuch allots more than is free.
func topUpTooMuch(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgTopUpSession](func(ctx context.Context, data source, reporter report) (signers, *types.MsgTopUpSession, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "open session with a router", s.sessions(func(one types.Session) bool {
			return one.Status == types.SESSION_STATUS_OPEN && len(one.Routers) > 0
		}))
		if !ok {
			return nil, nil, nil
		}
		return s.who(session.Owner), &types.MsgTopUpSession{
			Owner: session.Owner, Session: session.Id, Amount: types.Uemc(math.ZeroInt()),
			Allotments: []types.Allotment{{Router: session.Routers[0].Router, Amount: types.Uemc(session.Free().AddRaw(1))}},
		}, refused(types.ErrNotFree)
	})
}

func rotateKey(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRotateSessionKey](func(ctx context.Context, data source, reporter report) (signers, *types.MsgRotateSessionKey, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "open session", s.sessions(in(types.SESSION_STATUS_OPEN)))
		if !ok {
			return nil, nil, nil
		}
		result := handler(nil)
		if len(session.RetiredKeys) >= types.MaxRotations {
			result = refused(types.ErrTooMany)
		}
		key := SessionKey(session.Owner, session.Sequence, session.KeyId+1)
		return s.who(session.Owner), &types.MsgRotateSessionKey{Owner: session.Owner, Session: session.Id, Key: key.PubKey().Bytes()}, result
	})
}

// closeSession closes a session as its owner or as one of its routers.
func closeSession(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgCloseSession](func(ctx context.Context, data source, reporter report) (signers, *types.MsgCloseSession, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "session", s.sessions(func(types.Session) bool { return true }))
		if !ok {
			return nil, nil, nil
		}
		sender := session.Owner
		if len(session.Routers) > 0 && s.r.Intn(2) == 0 && data.HasAccount(session.Routers[0].Router) {
			sender = session.Routers[0].Router
		}
		result := handler(nil)
		if session.Status != types.SESSION_STATUS_OPEN {
			result = refused(types.ErrWrongStatus)
		}
		return s.who(sender), &types.MsgCloseSession{Sender: sender, Session: session.Id}, result
	})
}

// closeStrange closes somebody else's session.
func closeStrange(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgCloseSession](func(ctx context.Context, data source, reporter report) (signers, *types.MsgCloseSession, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "session without routers", s.sessions(func(one types.Session) bool { return len(one.Routers) == 0 }))
		if !ok {
			return nil, nil, nil
		}
		thief := data.AnyAccountN(10, reporter, simsx.ExcludeAccounts(data.GetAccount(reporter, session.Owner)))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		return signers{thief}, &types.MsgCloseSession{Sender: thief.AddressBech32, Session: session.Id}, refused(types.ErrNotOwner)
	})
}

// submitJob pays a job from what is free. x/compute may have no node for it.
func submitJob(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgSubmitSessionJob](func(ctx context.Context, data source, reporter report) (signers, *types.MsgSubmitSessionJob, handler) {
		s := newScene(ctx, k, data, reporter)
		funded := s.r.Intn(2) == 0 // in half of the turns: there are few
		session, ok := pick(s, "session with free money", s.sessions(func(one types.Session) bool {
			return one.Status == types.SESSION_STATUS_OPEN && one.Free().GT(math.NewInt(100_000)) && one.Funded() == funded
		}))
		if !ok {
			return nil, nil, nil
		}
		digest := make([]byte, 32)
		s.r.Read(digest)
		return s.who(session.Owner), &types.MsgSubmitSessionJob{
			Customer: session.Owner, Session: session.Id, App: s.app(session), MaxSeconds: uint64(1 + s.r.Intn(30)), MaxPrice: types.Uemc(session.Free()),
			Requirements: computetypes.Requirements{MinStake: math.ZeroInt()}, SpecDigest: digest, InputsDigest: digest, AccessKey: session.Key,
		}, mayBeRefused(computetypes.ErrNoNodeFits, computetypes.ErrInvalidJob, computetypes.ErrInvalidAmount)
	})
}

// app of a session's jobs: that of the promise that they run out of, if there is one.
func (s scene) app(session types.Session) string {
	if !session.Funded() {
		return "app-0"
	}
	promise, known, err := s.k.Compute().Reservation(s.ctx, sdk.MustAccAddressFromBech32(session.Node), session.Source)
	if err != nil {
		panic(err)
	}
	if !known {
		return "app-0"
	}
	return promise.App
}

// setCover raises, lowers and ends covers, at times beyond the stake.
func setCover(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgSetCover](func(ctx context.Context, data source, reporter report) (signers, *types.MsgSetCover, handler) {
		s := newScene(ctx, k, data, reporter)
		router, ok := pick(s, "router with stake", s.nodes(computetypes.ROLE_ROUTER, func(n computetypes.Node) bool { return n.Stake.IsPositive() }))
		if !ok {
			return nil, nil, nil
		}
		node := data.AnyAccount(reporter)
		if nodes := s.nodes(computetypes.ROLE_COMPUTING, anyNode); len(nodes) > 0 {
			node = data.GetAccount(reporter, nodes[s.r.Intn(len(nodes))].Address)
		}
		if reporter.IsSkipped() || node.AddressBech32 == router.Address {
			reporter.Skip("no node")
			return nil, nil, nil
		}
		amount := s.params.MinCover.Amount.AddRaw(s.r.Int63n(router.Stake.Int64() + 1))
		if s.r.Intn(4) == 0 {
			amount = math.ZeroInt()
		}
		return s.who(router.Operator), &types.MsgSetCover{Operator: router.Operator, Router: router.Address, Node: node.AddressBech32, Amount: types.Uemc(amount)},
			mayBeRefused(computetypes.ErrReserved, computetypes.ErrRetiring, types.ErrCoverNotFound)
	})
}

// collect pays routers and validators.
func collect(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgCollectShares](func(ctx context.Context, data source, reporter report) (signers, *types.MsgCollectShares, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "session with shares", s.sessions(func(one types.Session) bool { return one.Earned().IsPositive() }))
		sender := data.AnyAccount(reporter)
		if !ok || reporter.IsSkipped() {
			return nil, nil, nil
		}
		m := &types.MsgCollectShares{Sender: sender.AddressBech32, Sessions: []string{session.Id}}
		result := handler(nil)
		if len(session.Routers) > 0 && s.r.Intn(2) == 0 {
			m.Router = session.Routers[0].Router
			if session.Routers[0].Earned.IsZero() {
				result = refused(types.ErrNothingLeft)
			}
		} else if session.Fees.IsZero() {
			result = refused(types.ErrNothingLeft)
		}
		return signers{sender}, m, result
	})
}
