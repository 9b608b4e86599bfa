package keeper_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket"
	"github.com/edgematrix/emc/x/socket/types"
)

// genesisScene is a fixture with a socket in every status, and what x/socket
// exports of it. All the other modules' state stays as it is.
func genesisScene(t *testing.T) (*fixture, *types.GenesisState) {
	t.Helper()
	f := newFixture(t)
	require.NoError(t, f.compute.SetPower(f.ctx, f.node, 8*types.MicroE))
	_, err := f.nodes.UpdateNode(f.ctx, &computetypes.MsgUpdateNode{
		Operator: f.miner.String(), Node: f.node.String(), Offer: computetypes.Offer{Slots: 8, SlotHourPrice: coin(3_600_000), Runtimes: []string{computetypes.RuntimeWasm}},
	})
	require.NoError(t, err)
	f.mint(1, 25*emc) // listed
	f.mint(1, 0)
	f.sold(1, 25*emc)
	plugged, unplugging, burned := f.sold(2, 25*emc), f.sold(1, 25*emc), f.sold(1, 25*emc)
	session, err := f.plug(f.alice, plugged)
	require.NoError(t, err)
	_, err = f.job(f.alice, session, 60, emc)
	require.NoError(t, err)
	_, err = f.plug(f.alice, unplugging)
	require.NoError(t, err)
	require.NoError(t, f.unplug(f.alice, unplugging))
	require.NoError(t, f.burn(f.alice, burned))
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.Len(t, g.Sockets, 6)
	return f, g
}

var errPanic = errors.New("panic")

// start begins x/socket anew, with a genesis, on a copy of the scene.
func (f *fixture) start(g *types.GenesisState) (next *fixture, err error) {
	one := *f
	one.ctx, _ = f.ctx.CacheContext()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	for _, clear := range []func() error{
		func() error { return f.k.Sockets.Clear(one.ctx, nil) }, func() error { return f.k.SocketSequences.Clear(one.ctx, nil) },
		func() error { return f.k.Listings.Clear(one.ctx, nil) }, func() error { return f.k.SocketsByNode.Clear(one.ctx, nil) },
		func() error { return f.k.SocketsByHolder.Clear(one.ctx, nil) }, func() error { return f.k.SocketsBySession.Clear(one.ctx, nil) },
		func() error { return f.k.Agenda.Clear(one.ctx, nil) },
	} {
		if err := clear(); err != nil {
			return nil, err
		}
	}
	return &one, f.k.InitGenesis(one.ctx, g)
}

// leap lets much time pass in one block, that is no standstill.
func (f *fixture) leap(t *testing.T, seconds int64) {
	t.Helper()
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(seconds) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1).
		WithEventManager(sdk.NewEventManager())
	clock, err := f.compute.NetworkClock(f.ctx)
	require.NoError(t, err)
	clock.BlockTime = f.ctx.BlockTime().Unix() - 1
	require.NoError(t, f.compute.Clock.Set(f.ctx, clock))
	require.NoError(t, f.compute.BeginBlock(f.ctx))
	require.NoError(t, f.compute.EndBlock(f.ctx))
	require.NoError(t, f.market.EndBlock(f.ctx))
	require.NoError(t, f.k.EndBlock(f.ctx))
	for _, event := range f.ctx.EventManager().Events() {
		if strings.HasSuffix(event.Type, "EventQueueError") {
			t.Fatalf("an entry of the agenda fails: %v", event)
		}
	}
	require.NoError(t, f.k.CheckInvariants(f.ctx))
}

// swaps are changes of a genesis in JSON, and what the first of each says: whether
// it is refused by its form alone, by what the other modules have, or not at all.
func swaps() []swap {
	return []swap{
		{`"next":"6"`, `"next":"5"`, "its minter's next is 5"}, {`"sequence":"1"`, `"sequence":"2"`, "the id of its minter's socket 2 is"},
		{`"status":"SOCKET_STATUS_IDLE"`, `"status":"SOCKET_STATUS_PLUGGED"`, "status"}, {`"status":"SOCKET_STATUS_IDLE"`, `"status":"SOCKET_STATUS_MINTED"`, "status"},
		{`"status":"SOCKET_STATUS_SETTLED"`, `"status":"SOCKET_STATUS_IDLE"`, "paid out"}, {`"status":"SOCKET_STATUS_UNPLUGGING"`, `"status":"SOCKET_STATUS_PLUGGED"`, ""},
		{`"deadline":"1800086400"`, `"deadline":"0"`, "would never end"}, {`"deadline":"1`, `"deadline":"-1`, "a time is"}, {`"expires_at":"1800086400"`, `"expires_at":"0"`, "it expires at"},
		{`"price":"0"`, `"price":"-1"`, "an amount"}, {`"price":"0"`, `"price":""`, "unmarshal"}, {`"price":"25000000"`, `"price":"25000001"`, "were paid out of"},
		{`"used":"0"`, `"used":"1"`, "more was used"}, {`"held":"0"`, `"held":"1"`, "held by jobs"}, {`"holder":"emc`, `"holder":"emx`, "holder"}, {`"holder":"emc`, `"holder":"","app":"emc`, "holder"},
		{`"slots":1`, `"slots":0`, "slots"}, {`"app":"charlm"`, `"app":""`, "app"},
		{`"minter":"emc`, `"minter":"x`, "minter"}, {`"node":"emc`, `"node":"x`, "node"}, {`"royalty":500`, `"royalty":10001`, "royalty"},
		{`"ask":"25000000"`, `"ask":"1"`, ""}, {`"ask":"25000000"`, `"ask":"0"`, "holder"}, {`"session":"`, `"session":"00`, "session"}, {`"refunded":"0"`, `"refunded":"1"`, "paid out"},
		{`"outage_at_sale":"0"`, `"outage_at_sale":"18446744073709551615"`, ""}, {`"failed":"0"`, `"failed":"9223372036854775807"`, ""}, {`"min_seconds":"3600"`, `"min_seconds":"0"`, "min_seconds"},
	}
}

type swap struct{ from, to, refused string }

// swapped is a genesis in JSON with the n-th of a text replaced.
func swapped(whole, from, to string, n int) (string, bool) {
	parts := strings.Split(whole, from)
	if from == "" || len(parts) < 2 {
		return whole, false
	}
	n = 1 + n%(len(parts)-1)
	return strings.Join(parts[:n], from) + to + strings.Join(parts[n:], from), true
}

// A genesis that does not fit is refused, and the error names what does not.
func TestInconsistentGenesis(t *testing.T) {
	enc := moduletestutil.MakeTestEncodingConfig(socket.AppModule{})
	f, export := genesisScene(t)
	whole := string(enc.Codec.MustMarshalJSON(export))
	for _, s := range swaps() {
		data, found := swapped(whole, s.from, s.to, 0)
		require.True(t, found, "the genesis has no %s:\n%s", s.from, whole)
		var g types.GenesisState
		err := enc.Codec.UnmarshalJSON([]byte(data), &g)
		if err == nil {
			err = g.Validate()
		}
		if err == nil {
			_, err = f.start(&g)
		}
		if s.refused == "" {
			assert.NoError(t, err, "%s → %s", s.from, s.to)
			continue
		}
		assert.ErrorContains(t, err, s.refused, "%s → %s", s.from, s.to)
	}
	live := slices.IndexFunc(export.Sockets, func(s types.Socket) bool { return s.Status == types.SOCKET_STATUS_IDLE })
	unsold := slices.IndexFunc(export.Sockets, func(s types.Socket) bool { return s.Status == types.SOCKET_STATUS_MINTED && !s.Listed() })
	plugged := slices.IndexFunc(export.Sockets, func(s types.Socket) bool { return s.Status == types.SOCKET_STATUS_PLUGGED })
	for want, change := range map[string]func(){
		"1 slots are promised":         func() { export.Sockets[live].Slots, export.Sockets[live].Power = 2, 2*types.MicroE },
		"1000000 micro-E are promised": func() { export.Sockets[live].Power++ },
		"more is promised":             func() { export.Sockets[live].Collateral = export.Sockets[live].Collateral.SubRaw(1) },
		"its escrow holds":             func() { export.Sockets[live].Price = export.Sockets[live].Price.AddRaw(1) },
		"are unused, it owes them":     func() { export.Sockets[plugged].Price = export.Sockets[plugged].Price.AddRaw(1) },
		"no session":                   func() { export.Sockets[plugged].Session = strings.Repeat("0a", 16) },
		"its NFT is with":              func() { export.Sockets[live].Ask, export.Sockets[live].Holder = coin(emc).Amount, f.alice.String() },
		"it has no NFT": func() {
			s := &export.Sockets[unsold]
			s.Sequence, export.Sequences[0].Next = 7, 8
			s.Id = types.SocketID(f.miner, 7)
		},
	} {
		kept, next := slices.Clone(export.Sockets), export.Sequences[0].Next
		change()
		require.NoError(t, export.Validate(), want)
		_, err := f.start(export)
		assert.ErrorContains(t, err, want)
		export.Sockets, export.Sequences[0].Next = kept, next
	}
	export.Sockets = append(export.Sockets, export.Sockets[0])
	require.ErrorIs(t, export.Validate(), types.ErrInvalidGenesis)
}

// A genesis file of any content is refused or starts, and neither checking nor
// starting it panics. What starts is what an export gives back, and comes to its
// end without an error. Fuzzed is what stands in place of a part of a sound one:
// what is unlike any is refused at once.
func FuzzGenesis(f *testing.F) {
	enc := moduletestutil.MakeTestEncodingConfig(socket.AppModule{})
	for _, s := range swaps() {
		f.Add(s.from, s.to, uint8(0))
		f.Add(s.from, s.to, uint8(3))
	}
	f.Add("", "", uint8(0))
	var scene *fixture
	var whole string
	f.Fuzz(func(t *testing.T, from, to string, n uint8) {
		if scene == nil {
			var export *types.GenesisState
			scene, export = genesisScene(t)
			whole = string(enc.Codec.MustMarshalJSON(export))
		}
		scene.t = t
		data, _ := swapped(whole, from, to, int(n))
		var g types.GenesisState
		if enc.Codec.UnmarshalJSON([]byte(data), &g) != nil || g.Validate() != nil {
			return
		}
		started, err := scene.start(&g)
		if errors.Is(err, errPanic) {
			t.Fatalf("a valid genesis: %v\n%s", err, data)
		}
		if err != nil {
			return // its sums are wrong, or it wants what the other modules have not
		}
		first, err := started.k.ExportGenesis(started.ctx)
		require.NoError(t, err)
		require.NoError(t, first.Validate(), "what was exported is not valid: %s", data)
		again, err := scene.start(first)
		require.NoError(t, err, "what was exported does not start: %s", data)
		second, err := again.k.ExportGenesis(again.ctx)
		require.NoError(t, err)
		if a, b := enc.Codec.MustMarshalJSON(first), enc.Codec.MustMarshalJSON(second); !bytes.Equal(a, b) {
			t.Fatalf("%s\nbecame\n%s", a, b)
		}
		for _, seconds := range []int64{60, 3_600, day, 2 * day, 8 * day, 40 * day} {
			started.leap(t, seconds)
		}
	})
}
