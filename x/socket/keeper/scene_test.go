package keeper_test

import (
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// day is how long the tests' sockets are valid, in seconds.
const day = 86_400

func (f *fixture) minting(slots uint32, ask int64) *types.MsgMint {
	return &types.MsgMint{
		Operator: f.miner.String(), Node: f.node.String(), App: "charlm", Slots: slots, SlotPower: types.MicroE, Seconds: day, Royalty: 500, Ask: coin(ask),
	}
}

func (f *fixture) tryMint(m *types.MsgMint) (string, error) {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgMintResponse, error) { return f.msg.Mint(ctx, m) })
	if err != nil {
		return "", err
	}
	return res.Socket, nil
}

func (f *fixture) mint(slots uint32, ask int64) string {
	f.t.Helper()
	id, err := f.tryMint(f.minting(slots, ask))
	require.NoError(f.t, err)
	return id
}

func (f *fixture) list(holder sdk.AccAddress, id string, ask int64) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgListResponse, error) {
		return f.msg.List(ctx, &types.MsgList{Holder: holder.String(), Socket: id, Ask: coin(ask)})
	})
	return err
}

func (f *fixture) delist(holder sdk.AccAddress, id string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgDelistResponse, error) {
		return f.msg.Delist(ctx, &types.MsgDelist{Holder: holder.String(), Socket: id})
	})
	return err
}

func (f *fixture) buy(buyer sdk.AccAddress, id string, most int64) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgBuyResponse, error) {
		return f.msg.Buy(ctx, &types.MsgBuy{Buyer: buyer.String(), Socket: id, MaxPrice: coin(most)})
	})
	return err
}

func (f *fixture) plug(holder sdk.AccAddress, id string) (string, error) {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgPlugResponse, error) {
		return f.msg.Plug(ctx, &types.MsgPlug{Holder: holder.String(), Socket: id, Key: key("session").PubKey().Bytes()})
	})
	if err != nil {
		return "", err
	}
	return res.Session, nil
}

func (f *fixture) unplug(holder sdk.AccAddress, id string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUnplugResponse, error) {
		return f.msg.Unplug(ctx, &types.MsgUnplug{Holder: holder.String(), Socket: id})
	})
	return err
}

func (f *fixture) burn(holder sdk.AccAddress, id string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgBurnResponse, error) {
		return f.msg.Burn(ctx, &types.MsgBurn{Holder: holder.String(), Socket: id})
	})
	return err
}

func (f *fixture) split(holder sdk.AccAddress, id string, slots uint32) (string, error) {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgSplitResponse, error) {
		return f.msg.Split(ctx, &types.MsgSplit{Holder: holder.String(), Socket: id, Slots: slots})
	})
	if err != nil {
		return "", err
	}
	return res.Socket, nil
}

// sold is a socket of so many slots that alice bought from the miner.
func (f *fixture) sold(slots uint32, price int64) string {
	f.t.Helper()
	id := f.mint(slots, price)
	require.NoError(f.t, f.buy(f.alice, id, price))
	return id
}

func (f *fixture) load(id string) types.Socket {
	f.t.Helper()
	s, err := f.k.Socket(f.ctx, id)
	require.NoError(f.t, err)
	return s
}

func (f *fixture) owner(id string) sdk.AccAddress {
	return f.nft.GetOwner(f.ctx, types.ClassID(f.miner.String()), id)
}

func (f *fixture) shown(id string) *types.QuerySocketResponse {
	f.t.Helper()
	res, err := f.query.Socket(f.ctx, &types.QuerySocketRequest{Socket: id})
	require.NoError(f.t, err)
	return res
}

// job submits a job that a session pays for.
func (f *fixture) job(holder sdk.AccAddress, session string, seconds uint64, most int64) (string, error) {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*markettypes.MsgSubmitSessionJobResponse, error) {
		return f.trade.SubmitSessionJob(ctx, &markettypes.MsgSubmitSessionJob{
			Customer: holder.String(), Session: session, App: "charlm", Node: f.node.String(), Requirements: computetypes.Requirements{MinStake: coin(0).Amount},
			MaxSeconds: seconds, MaxPrice: coin(most), SpecDigest: make([]byte, 32), InputsDigest: make([]byte, 32), AccessKey: key("access").PubKey().Bytes(),
		})
	})
	if err != nil {
		return "", err
	}
	return res.Job, nil
}
