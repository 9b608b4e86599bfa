package simulation

import (
	"context"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

// mostNodes is how many nodes a simulation registers: few, so that slots are scarce.
const mostNodes = 16

// registration is the message for a node key that agrees to an operator.
func registration(s scene, operator, node simsx.SimAccount) *types.MsgRegisterNode {
	signature, err := node.PrivKey.Sign(types.RegistrationBytes(sdk.UnwrapSDKContext(s.ctx).ChainID(), operator.Address))
	if err != nil {
		panic(err)
	}
	role := types.ROLE_COMPUTING
	if s.r.Intn(7) == 0 { // more than in life: sessions need some
		role = types.ROLE_ROUTER
	}
	return &types.MsgRegisterNode{
		Operator: operator.AddressBech32, Pubkey: node.PubKey.Bytes(), KeySignature: signature, Role: role, Offer: roleOffer(s.r.Rand, role, s.apps()),
	}
}

func registerNode(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRegisterNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRegisterNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		node := data.AnyAccount(reporter)
		handler := simsx.SimDeliveryResultHandler(nil)
		if known, err := k.Nodes.Has(ctx, node.Address); err != nil {
			panic(err)
		} else if known {
			handler = refused(types.ErrNodeExists)
		} else if len(s.nodes(anyNode)) >= mostNodes {
			reporter.Skip("enough nodes")
			return nil, nil, nil
		}
		operator, ok := s.rich(s.params.RegistrationDeposit)
		if !ok {
			reporter.Skip("nobody can pay")
			return nil, nil, nil
		}
		return []simsx.SimAccount{operator}, registration(s, operator, node), handler
	})
}

// registerMisfit offers what a node of its role cannot: a router's slots, a
// computing node's nothing.
func registerMisfit(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRegisterNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRegisterNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		node, operator := data.AnyAccount(reporter), data.AnyAccount(reporter)
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		m := registration(s, operator, node)
		m.Offer = roleOffer(s.r.Rand, otherRole(m.Role), s.apps())
		return []simsx.SimAccount{operator}, m, refused(types.ErrInvalidNode)
	})
}

// registerWithoutKey tries to take somebody's worker: the key signed for
// another operator.
func registerWithoutKey(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRegisterNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRegisterNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		node, owner := data.AnyAccount(reporter), data.AnyAccount(reporter)
		thief := data.AnyAccountN(10, reporter, simsx.ExcludeAccounts(owner))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		m := registration(s, owner, node)
		m.Operator = thief.AddressBech32
		return []simsx.SimAccount{thief}, m, refused(types.ErrInvalidKey)
	})
}

// updateNode replaces an offer, now and then by one of the other role.
func updateNode(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUpdateNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUpdateNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node", s.nodes(anyNode))
		if !ok {
			return nil, nil, nil
		}
		role, handler := n.Role, simsx.SimDeliveryResultHandler(nil)
		if s.r.Intn(10) == 0 {
			role, handler = otherRole(n.Role), refused(types.ErrInvalidNode)
		}
		return s.who(n.Operator), &types.MsgUpdateNode{Operator: n.Operator, Node: n.Address, Offer: roleOffer(s.r.Rand, role, s.apps())}, handler
	})
}

func updateStrangeNode(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUpdateNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUpdateNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node", s.nodes(anyNode))
		if !ok {
			return nil, nil, nil
		}
		stranger := data.AnyAccountN(10, reporter, simsx.ExcludeAddresses(n.Operator))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		m := &types.MsgUpdateNode{Operator: stranger.AddressBech32, Node: n.Address, Offer: randomOffer(s.r.Rand, nil)}
		return []simsx.SimAccount{stranger}, m, refused(types.ErrNotOperator)
	})
}

func reportStatus(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgReportStatus] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgReportStatus) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node", s.nodes(anyNode))
		if !ok {
			return nil, nil
		}
		return s.who(n.Address), &types.MsgReportStatus{
			Node: n.Address, Accepting: s.r.Intn(10) > 0, Endpoints: []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 4600+s.r.Intn(100))},
		}
	}
}

// retireNode retires a node, rarely one with work without waiting for its end.
func retireNode(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRetireNode](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRetireNode, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node", s.nodes(anyNode))
		if !ok {
			return nil, nil, nil
		}
		m, handler := &types.MsgRetireNode{Operator: n.Operator, Node: n.Address, WhenIdle: s.r.Intn(3) > 0}, simsx.SimDeliveryResultHandler(nil)
		// A cover holds stake, a job a slot; a cover behind which no stake is left is a promise all the same.
		if s.promised(n) && !m.WhenIdle {
			handler = refused(types.ErrLivePromises)
		}
		return s.who(n.Operator), m, handler
	})
}

// unjail is allowed when the time is over and the promises are covered.
func unjail(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUnjail](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUnjail, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		candidates := s.nodes(func(n types.Node) bool { return n.Jailed })
		if len(candidates) == 0 && s.r.Intn(10) == 0 {
			candidates = s.nodes(anyNode)
		}
		n, ok := pick(s, "jailed node", candidates)
		if !ok {
			return nil, nil, nil
		}
		handler := simsx.SimDeliveryResultHandler(nil)
		switch {
		case !n.Jailed:
			handler = refused(types.ErrNotJailed)
		case s.now < n.JailedUntil:
			handler = refused(types.ErrStillJailed)
		case n.Stake.LT(n.ReservedStake):
			handler = refused(types.ErrStakeTooSmall)
		}
		return s.who(n.Operator), &types.MsgUnjail{Operator: n.Operator, Node: n.Address}, handler
	})
}
