package simulation

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/keeper"
	"github.com/edgematrix/emc/x/market/types"
)

// price of every call of a simulation, in uemc: a lane that settled so many
// receipts has a tree that can be made again, and so a receipt can be shown.
const price = 50_000

// redeem settles some vouchers: honest ones, ones beyond the allotment, stale
// ones and forged ones. A bad one fails itself alone.
func redeem(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRedeemVouchers](func(ctx context.Context, data source, reporter report) (signers, *types.MsgRedeemVouchers, handler) {
		s := newScene(ctx, k, data, reporter)
		sender := data.AnyAccount(reporter)
		m := &types.MsgRedeemVouchers{Sender: sender.AddressBech32}
		for range 1 + s.r.Intn(min(4, int(s.params.MaxVouchers))) {
			session, ok := pick(s, "session", s.sessions(in(types.SESSION_STATUS_OPEN, types.SESSION_STATUS_CLOSING, types.SESSION_STATUS_LAST)))
			if !ok || reporter.IsSkipped() {
				return nil, nil, nil
			}
			m.Vouchers = append(m.Vouchers, s.voucher(session))
		}
		return signers{sender}, m, nil
	})
}

// voucher of a session to a random node, through one of its routers or none.
func (s scene) voucher(session types.Session) types.Voucher {
	v := receipt.Voucher{Lane: s.lane(session), KeyID: session.KeyId}
	if session.KeyId > 1 && s.r.Intn(3) == 0 {
		v.KeyID--
	}
	settled := s.settled(v.Lane)
	v.Count = settled.Count + uint64(s.r.Intn(12))
	v.Amount = v.Count*price + uint64(s.r.Intn(2))*price/2
	tree := s.tree(session, v.Lane, v.Count)
	v.Root = tree.Root()
	chain := sdk.UnwrapSDKContext(s.ctx).ChainID()
	v, err := v.Sign(chain, SessionKey(session.Owner, session.Sequence, v.KeyID))
	if err != nil {
		panic(err)
	}
	if v.Routed() {
		if v, err = v.Cosign(chain, s.data.GetAccount(s.reporter, v.Router.String()).PrivKey); err != nil {
			panic(err)
		}
	}
	out := types.FromReceipt(v)
	if s.r.Intn(12) == 0 {
		out.Amount++ // raised after it was signed
	}
	return out
}

// lane of a session: its routers are played, and so are the nodes. One that is bound
// to a node mostly pays that node; a voucher to another is a bad one.
func (s scene) lane(session types.Session) receipt.Lane {
	id, err := receipt.ParseSessionID(session.Id)
	if err != nil {
		panic(err)
	}
	l := receipt.Lane{Session: id}
	if n := len(session.Routers); n > 0 && s.r.Intn(6) > 0 {
		if router := session.Routers[s.r.Intn(n)].Router; s.data.HasAccount(router) {
			l.Router = receipt.Address(sdk.MustAccAddressFromBech32(router))
		}
	}
	nodes := s.nodes(computetypes.ROLE_COMPUTING, func(n computetypes.Node) bool {
		return session.Node == "" || n.Address == session.Node || s.r.Intn(12) == 0
	})
	if len(nodes) == 0 {
		l.Node = receipt.Address(sdk.MustAccAddressFromBech32(session.Owner))
		return l
	}
	l.Node = receipt.Address(sdk.MustAccAddressFromBech32(nodes[s.r.Intn(min(2, len(nodes)))].Address)) // few, so that lanes grow
	return l
}

func (s scene) settled(l receipt.Lane) types.Lane {
	var router sdk.AccAddress
	if l.Routed() {
		router = l.Router[:]
	}
	lane, err := s.k.Lanes.Get(s.ctx, collections.Join3(l.Session.String(), router, sdk.AccAddress(l.Node[:])))
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		panic(err)
	}
	return lane
}

// call is the receipt of a lane's call, the same whenever it is made again.
func (s scene) call(session types.Session, l receipt.Lane, sequence uint64) []byte {
	chain := sdk.UnwrapSDKContext(s.ctx).ChainID()
	request, err := receipt.Request{
		Lane: l, KeyID: 1, Nonce: sequence, Digest: receipt.RequestDigest(l.Node[:]), MaxPrice: price, IssuedMs: 1, App: "charlm",
	}.Sign(chain, SessionKey(session.Owner, session.Sequence, 1))
	if err != nil {
		panic(err)
	}
	node := s.data.GetAccount(s.reporter, l.Node.String())
	r, err := receipt.Receipt{Sequence: sequence, Request: request, Units: 1, Amount: price, StartedMs: 1, FinishedMs: 2, Status: receipt.StatusComplete}.Sign(chain, node.PrivKey)
	if err != nil {
		panic(err)
	}
	raw, err := r.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return raw
}

func (s scene) tree(session types.Session, l receipt.Lane, count uint64) receipt.Frontier {
	var tree receipt.Frontier
	for i := range count {
		if err := tree.Append(s.call(session, l, i)); err != nil {
			panic(err)
		}
	}
	return tree
}

// recordReceipt shows a settled receipt, at times twice.
func recordReceipt(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRecordReceipt](func(ctx context.Context, data source, reporter report) (signers, *types.MsgRecordReceipt, handler) {
		s := newScene(ctx, k, data, reporter)
		session, ok := pick(s, "session", s.sessions(func(types.Session) bool { return true }))
		sender := data.AnyAccount(reporter)
		if !ok || reporter.IsSkipped() || !s.rich(sender, s.params.ReceiptFee) {
			return nil, nil, nil
		}
		l := s.lane(session)
		settled := s.settled(l)
		if settled.Count == 0 || settled.Count > 60 {
			reporter.Skip("nothing is settled in the lane, or too much")
			return nil, nil, nil
		}
		hashes := make([]receipt.Digest, settled.Count)
		for i := range hashes {
			hashes[i] = receipt.LeafHash(s.call(session, l, uint64(i)))
		}
		index := uint64(s.r.Intn(len(hashes)))
		path, err := receipt.BuildPath(hashes, index)
		if err != nil {
			panic(err)
		}
		node := data.GetAccount(reporter, l.Node.String())
		m := &types.MsgRecordReceipt{Sender: sender.AddressBech32, Receipt: s.call(session, l, index), NodeKey: node.PubKey.Bytes()}
		for _, step := range path {
			m.Path = append(m.Path, step[:])
		}
		return signers{sender}, m, mayBeRefused(types.ErrRecorded)
	})
}
