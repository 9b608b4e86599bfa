package keeper_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// The story of a socket: minted, bought, sold on, never used, and expired. All of
// its money is the miner's, because the node was there.
func TestLifeOfAnUnusedSocket(t *testing.T) {
	f := newFixture(t)
	id := f.mint(2, 48*emc)
	require.Equal(t, types.SocketEscrow(id), f.owner(id), "the module holds what is listed")
	require.NoError(t, f.buy(f.alice, id, 50*emc))
	require.Equal(t, int64(952*emc), f.balance(f.alice))
	require.Equal(t, int64(48*emc), f.balance(types.SocketEscrow(id)), "the money of a first sale waits")
	require.Equal(t, f.alice, f.owner(id))

	miner := f.balance(f.miner)
	require.NoError(t, f.list(f.alice, id, 60*emc))
	require.NoError(t, f.buy(f.bob, id, 60*emc))
	require.Equal(t, int64(940*emc), f.balance(f.bob))
	require.Equal(t, int64(952*emc+57*emc), f.balance(f.alice), "less the royalty of 5 %")
	require.Equal(t, miner+3*emc, f.balance(f.miner))

	f.pass(day, true)
	s := f.load(id)
	require.Equal(t, types.SOCKET_STATUS_SETTLED, s.Status)
	require.Zero(t, s.Outage)
	require.Equal(t, miner+3*emc+48*emc, f.balance(f.miner))
	require.Zero(t, f.balance(types.SocketEscrow(id)))
	n, err := f.compute.Node(f.ctx, f.node)
	require.NoError(t, err)
	require.Zero(t, n.ReservedPower)
	require.Zero(t, n.ReservedSlots)
	require.True(t, n.ReservedStake.IsZero())

	f.pass(int64(types.DefaultParams().RetentionSeconds)+60, true)
	_, err = f.k.Socket(f.ctx, id)
	require.ErrorIs(t, err, types.ErrSocketNotFound)
	require.False(t, f.nft.HasNFT(f.ctx, types.ClassID(f.miner.String()), id), "it is burned when it is forgotten")
}

// A node that vanishes: what it did not deliver comes back to the holder, who is
// the last one in a row of buyers.
func TestVanishedNodeRefundsTheHolder(t *testing.T) {
	f := newFixture(t)
	id := f.sold(2, 48*emc)
	require.NoError(t, f.list(f.alice, id, 50*emc))
	require.NoError(t, f.buy(f.bob, id, 50*emc))
	f.pass(day/2, true)
	bob, miner := f.balance(f.bob), f.balance(f.miner)
	f.pass(day/2, false)
	s := f.load(id)
	require.Equal(t, types.SOCKET_STATUS_SETTLED, s.Status)
	online := int64(computetypes.DefaultParams().OnlineSeconds)
	require.InDelta(t, day/2-online, int64(s.Outage), 61, "from when it should have reported")
	refund := 48 * emc * int64(s.Outage) / day
	require.Equal(t, bob+refund, f.balance(f.bob))
	require.Equal(t, miner+48*emc-refund, f.balance(f.miner))
}

// A jailed node cannot deliver, and neither can one that lost its power.
func TestOutageOfJailAndOfPower(t *testing.T) {
	for name, breaks := range map[string]func(*fixture){
		"jailed": func(f *fixture) { f.jail() },
		"power":  func(f *fixture) { require.NoError(f.t, f.compute.SetPower(f.ctx, f.node, types.MicroE)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := f.sold(2, 48*emc)
			f.pass(day/2, true)
			breaks(f)
			f.pass(day/2, true)
			s := f.load(id)
			require.InDelta(t, day/2, int64(s.Outage), 61)
			require.Equal(t, 48*emc*int64(s.Outage)/day, s.Refunded.Int64())
		})
	}
}

// Plugged in, its money is a session's; unplugged, what is left is in the socket
// again.
func TestPlugAndUnplug(t *testing.T) {
	f := newFixture(t)
	id := f.sold(2, 48*emc)
	session, err := f.plug(f.alice, id)
	require.NoError(t, err)
	require.Zero(t, f.balance(types.SocketEscrow(id)))
	require.Equal(t, types.SocketEscrow(id), f.owner(id))
	require.Contains(t, f.shown(id).View.State, session)

	job, err := f.job(f.alice, session, 3600, 2*emc)
	require.NoError(t, err)
	j, err := f.compute.Jobs.Get(f.ctx, job)
	require.NoError(t, err)
	require.Equal(t, coin(emc).String(), j.SlotHourPrice.String(), "48 EMC for two slots and a day")

	require.NoError(t, f.unplug(f.alice, id))
	require.ErrorIs(t, f.unplug(f.alice, id), types.ErrWrongStatus)
	f.pass(2*3600, true)
	s := f.load(id)
	require.Equal(t, types.SOCKET_STATUS_IDLE, s.Status)
	require.Equal(t, f.alice, f.owner(id))
	require.Equal(t, s.Unused().Int64(), f.balance(types.SocketEscrow(id)))
	_, err = f.plug(f.alice, id)
	require.NoError(t, err, "and it can be plugged in again")
	f.pass(day, true)
	require.Equal(t, types.SOCKET_STATUS_SETTLED, f.load(id).Status, "it expired while it was plugged in")
	require.Equal(t, f.alice, f.owner(id))
}

// The picture is well-formed, and shows what it is about.
func TestPicture(t *testing.T) {
	f := newFixture(t)
	id := f.mint(2, 48*emc)
	for _, image := range []string{f.shown(id).Image, f.token(id).Image} {
		data, ok := strings.CutPrefix(image, "data:image/svg+xml;base64,")
		require.True(t, ok)
		svg, err := base64.StdEncoding.DecodeString(data)
		require.NoError(t, err)
		for dec := xml.NewDecoder(strings.NewReader(string(svg))); ; {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		for _, words := range []string{"charlm", ">2.00<", "2 slots", "24 hours left"} {
			require.Contains(t, string(svg), words)
		}
	}
}

// token is what a wallet sees of the NFT.
func (f *fixture) token(id string) types.Metadata {
	f.t.Helper()
	token, ok := f.nft.GetNFT(f.ctx, types.ClassID(f.miner.String()), id)
	require.True(f.t, ok)
	var m types.Metadata
	require.NoError(f.t, m.Unmarshal(token.Data.Value))
	require.Equal(f.t, m.Image, token.Uri)
	return m
}
