package keeper_test

import (
	"math"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

func TestRegisterBeaconKey(t *testing.T) {
	stranger := sdk.ValAddress(make([]byte, 20)).String()
	for name, row := range map[string]struct {
		change func(*fixture, *types.MsgRegisterBeaconKey)
		err    error
	}{
		"success":            {func(*fixture, *types.MsgRegisterBeaconKey) {}, nil},
		"error - no address": {func(_ *fixture, m *types.MsgRegisterBeaconKey) { m.Validator = "" }, types.ErrNotValidator},
		"error - an account's address": {func(_ *fixture, m *types.MsgRegisterBeaconKey) {
			m.Validator = sdk.AccAddress(make([]byte, 20)).String()
		}, types.ErrNotValidator},
		"error - no validator":   {func(_ *fixture, m *types.MsgRegisterBeaconKey) { m.Validator = stranger }, types.ErrNotValidator},
		"error - no key":         {func(_ *fixture, m *types.MsgRegisterBeaconKey) { m.Pubkey = nil }, types.ErrInvalidKey},
		"error - a key too long": {func(_ *fixture, m *types.MsgRegisterBeaconKey) { m.Pubkey = append(m.Pubkey, 0) }, types.ErrInvalidKey},
		"error - no proof":       {func(_ *fixture, m *types.MsgRegisterBeaconKey) { m.Proof = nil }, types.ErrInvalidKey},
		"error - somebody else's registration": {func(f *fixture, m *types.MsgRegisterBeaconKey) {
			*m = *f.registration(1, f.key(1))
			m.Validator = f.staking.list[0].OperatorAddress
		}, types.ErrInvalidKey},
		"error - a key of which he has no secret": {func(f *fixture, m *types.MsgRegisterBeaconKey) { m.Pubkey = f.key(9).PubKey() }, types.ErrInvalidKey},
		"error - a contribution for a proof": {func(f *fixture, m *types.MsgRegisterBeaconKey) {
			m.Proof = f.key(1).Prove(beacon.HeightInput(chainID, 1))
		}, types.ErrInvalidKey},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 2)
			m := f.registration(0, f.key(1))
			row.change(f, m)
			answer, err := f.msg.RegisterBeaconKey(f.ctx, m)
			require.ErrorIs(t, err, row.err)
			if row.err != nil {
				keys, err := f.query.BeaconKeys(f.ctx, &types.QueryBeaconKeysRequest{})
				require.NoError(t, err)
				require.Empty(t, keys.BeaconKeys, "nothing was written")
				return
			}
			require.EqualValues(t, 6, answer.ActiveFrom)
			require.Equal(t, types.BeaconKey{Validator: m.Validator, Pubkey: m.Pubkey, ActiveFrom: 6}, f.record(0))
			_, err = f.msg.RegisterBeaconKey(f.ctx, m)
			require.ErrorIs(t, err, types.ErrKeyTaken)
		})
	}
}

// A key counts after the delay, and goes on until its successor counts.
func TestKeyRotation(t *testing.T) {
	f := newFixture(t, 1)
	first, second, third := f.key(1), f.key(2), f.key(3)
	_, err := f.msg.RegisterBeaconKey(f.ctx, f.registration(0, first)) // from 6 on
	require.NoError(t, err)
	require.Empty(t, f.block(0, &first).Contributor, "it does not count yet")
	require.Zero(t, f.record(0).Misses, "nor is a block without it a miss")
	for f.ctx.BlockHeight() < 5 {
		f.block(0, &first)
	}
	require.NotEmpty(t, f.block(0, &first).Contributor)

	_, err = f.msg.RegisterBeaconKey(f.ctx, f.registration(0, second)) // from 11 on
	require.NoError(t, err)
	require.NotEmpty(t, f.block(0, &first).Contributor, "the old one goes on")
	require.Empty(t, f.block(0, &second).Contributor)
	// A third one takes the place of the second, which never counted.
	_, err = f.msg.RegisterBeaconKey(f.ctx, f.registration(0, third)) // from 13 on
	require.NoError(t, err)
	for f.ctx.BlockHeight() < 12 {
		require.NotEmpty(t, f.block(0, &first).Contributor)
	}
	require.NotEmpty(t, f.block(0, &third).Contributor)
	require.Empty(t, f.block(0, &first).Contributor)
	// And back to one that was used before.
	_, err = f.msg.RegisterBeaconKey(f.ctx, f.registration(0, first)) // from 19 on
	require.NoError(t, err)
	require.NotEmpty(t, f.block(0, &third).Contributor)
	for f.ctx.BlockHeight() < 18 {
		f.block(0, &third)
	}
	require.NotEmpty(t, f.block(0, &first).Contributor)
}

// The value of each block follows from the one before, the height and what its
// proposer adds.
func TestAdvance(t *testing.T) {
	f := newFixture(t, 2)
	one, two := f.key(1), f.key(2)
	f.register(one, two)
	before := beacon.Value(f.block(0, nil).Value)
	for name, row := range map[string]struct {
		proposer int
		first    func(height int64) []byte
		counts   bool
	}{
		"success - his own":         {0, func(h int64) []byte { return beacon.Contribution(one.Prove(beacon.HeightInput(chainID, h))) }, true},
		"success - the other's own": {1, func(h int64) []byte { return beacon.Contribution(two.Prove(beacon.HeightInput(chainID, h))) }, true},
		"error - none":              {0, func(int64) []byte { return nil }, false},
		"error - a transaction":     {0, func(int64) []byte { return []byte{0x0a, 1, 2} }, false},
		"error - another's":         {0, func(h int64) []byte { return beacon.Contribution(two.Prove(beacon.HeightInput(chainID, h))) }, false},
		"error - of another height": {0, func(h int64) []byte { return beacon.Contribution(one.Prove(beacon.HeightInput(chainID, h-1))) }, false},
		"error - of another chain":  {0, func(h int64) []byte { return beacon.Contribution(one.Prove(beacon.HeightInput("x", h))) }, false},
		"error - cut off":           {0, func(h int64) []byte { return beacon.Contribution(one.Prove(beacon.HeightInput(chainID, h))[:79]) }, false},
	} {
		height := f.ctx.BlockHeight() + 1
		first := row.first(height)
		record := f.record(row.proposer)
		proposer, err := f.staking.list[row.proposer].GetConsAddr()
		require.NoError(t, err)

		err = f.k.CheckProposal(f.ctx, proposer, height, first)
		_, is := beacon.ParseContribution(first)
		if row.counts || !is {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, types.ErrContribution, name)
		}

		got := f.blockWith(row.proposer, first)
		after := f.record(row.proposer)
		if row.counts {
			proof, _ := beacon.ParseContribution(first)
			output, err := beacon.Verify(record.Pubkey, proof, beacon.HeightInput(chainID, height))
			require.NoError(t, err)
			require.Equal(t, before.Next(output), beacon.Value(got.Value), name)
			require.Equal(t, record.Validator, got.Contributor)
			record.Contributions++
			record.LastContribution = height
		} else {
			require.Equal(t, before.Skip(height), beacon.Value(got.Value), name)
			require.Empty(t, got.Contributor)
			record.Misses++
		}
		require.Equal(t, record, after, name)
		require.EqualValues(t, 2, got.Needed)
		events := f.ctx.EventManager().Events()
		require.Len(t, events, 1)
		event, err := sdk.ParseTypedEvent(abci.Event(events[0]))
		require.NoError(t, err)
		require.Equal(t, &types.EventBeacon{Value: got.Value, Contributor: got.Contributor}, event)
		before = beacon.Value(got.Value)
	}
}

// A validator without a key may propose: nothing stops.
func TestProposerWithoutKey(t *testing.T) {
	f := newFixture(t, 2)
	one := f.key(1)
	b := f.block(1, &one)
	require.Empty(t, b.Contributor)
	require.Zero(t, b.Needed)
	proposer, err := f.staking.list[1].GetConsAddr()
	require.NoError(t, err)
	key, err := f.k.ProposerKey(f.ctx, proposer, 3)
	require.NoError(t, err)
	require.Nil(t, key)
	key, err = f.k.ProposerKey(f.ctx, []byte("a stranger"), 3)
	require.NoError(t, err)
	require.Nil(t, key)
	contribution := beacon.Contribution(one.Prove(beacon.HeightInput(chainID, 3)))
	require.ErrorIs(t, f.k.CheckProposal(f.ctx, proposer, 3, contribution), types.ErrContribution)
}

// A draw waits for as many different keys as it needs.
func TestDraw(t *testing.T) {
	f := newFixture(t, 6)
	var keys []beacon.Key
	for i := range 6 {
		keys = append(keys, f.key(byte(10+i)))
	}
	draw := func(height int64) *types.QueryDrawResponse {
		t.Helper()
		d, err := f.query.Draw(f.ctx, &types.QueryDrawRequest{Height: height})
		require.NoError(t, err)
		return d
	}
	f.block(0, nil)
	require.False(t, draw(2).Ready, "without any key nothing is ever drawn")
	f.register(keys...)
	from := f.ctx.BlockHeight() + 1
	for _, step := range []struct {
		proposer    int
		contributes bool
		contributed uint32
	}{{0, true, 1}, {1, false, 1}, {0, true, 1}, {1, true, 2}, {2, true, 3}, {2, true, 3}} {
		var key *beacon.Key
		if step.contributes {
			key = &keys[step.proposer]
		}
		f.block(step.proposer, key)
		d := draw(from)
		require.False(t, d.Ready)
		require.Equal(t, step.contributed, d.Contributed)
		require.EqualValues(t, 4, d.Needed)
	}
	last := f.block(3, &keys[3])
	ready := draw(from)
	require.True(t, ready.Ready)
	require.Equal(t, last, ready.Beacon)
	for i := range 6 { // what comes later changes nothing
		f.block(i, &keys[i])
	}
	require.Equal(t, ready, draw(from))
	require.Zero(t, draw(f.ctx.BlockHeight()+1).Contributed)
	_, err := f.query.Draw(f.ctx, &types.QueryDrawRequest{Height: -1})
	require.Error(t, err)
	require.False(t, draw(math.MaxInt64).Ready, "far ahead")

	// Fewer keys than a draw would like: all of them.
	f.staking.list = f.staking.list[:2]
	from = f.ctx.BlockHeight() + 1
	f.block(0, &keys[0])
	require.EqualValues(t, 2, draw(from).Needed)
	f.block(1, &keys[1])
	require.True(t, draw(from).Ready)
}

// Who does not contribute, or cannot since what he contributes is false and his
// proposals are refused, is not waited for, until he contributes again.
func TestLostKey(t *testing.T) {
	f := newFixture(t, 2)
	one, two := f.key(1), f.key(2)
	f.register(one, two)
	f.params(func(p *types.Params) { p.DrawBlocks = 5 })
	last := f.record(1).LastContribution
	for f.ctx.BlockHeight() < last+4 {
		require.EqualValues(t, 2, f.block(0, &one).Needed)
	}
	require.EqualValues(t, 1, f.block(0, &one).Needed)
	d, err := f.query.Draw(f.ctx, &types.QueryDrawRequest{Height: f.ctx.BlockHeight()})
	require.NoError(t, err)
	require.True(t, d.Ready)
	f.block(1, &two)
	require.EqualValues(t, 2, f.block(0, &one).Needed)
}

func TestHistoryIsBounded(t *testing.T) {
	f := newFixture(t, 1)
	params := types.DefaultParams()
	params.HistoryBlocks, params.DrawBlocks = 100, 10
	_, err := f.msg.UpdateParams(f.ctx, &types.MsgUpdateParams{Authority: f.authority, Params: params})
	require.NoError(t, err)
	for range 150 {
		f.block(0, nil)
	}
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.Len(t, g.Beacons, 100)
	_, err = f.query.Beacon(f.ctx, &types.QueryBeaconRequest{Height: 51})
	require.ErrorContains(t, err, "NotFound")
	_, err = f.query.Draw(f.ctx, &types.QueryDrawRequest{Height: 51})
	require.ErrorContains(t, err, "no longer kept")
	_, err = f.query.Beacon(f.ctx, &types.QueryBeaconRequest{Height: 52})
	require.NoError(t, err)
}

func TestUpdateParams(t *testing.T) {
	f := newFixture(t, 1)
	for name, row := range map[string]struct {
		change func(*types.MsgUpdateParams)
		err    error
	}{
		"success":                {func(*types.MsgUpdateParams) {}, nil},
		"error - a stranger":     {func(m *types.MsgUpdateParams) { m.Authority = sdk.AccAddress(make([]byte, 20)).String() }, govtypes.ErrInvalidSigner},
		"error - no delay":       {func(m *types.MsgUpdateParams) { m.Params.KeyDelayBlocks = 0 }, types.ErrInvalidParams},
		"error - no contributor": {func(m *types.MsgUpdateParams) { m.Params.DrawContributors = 0 }, types.ErrInvalidParams},
		"error - too many":       {func(m *types.MsgUpdateParams) { m.Params.DrawContributors = 101 }, types.ErrInvalidParams},
		"error - no history":     {func(m *types.MsgUpdateParams) { m.Params.HistoryBlocks = 99 }, types.ErrInvalidParams},
	} {
		m := &types.MsgUpdateParams{Authority: f.authority, Params: types.DefaultParams()}
		m.Params.HistoryBlocks = 12_345
		row.change(m)
		_, err := f.msg.UpdateParams(f.ctx, m)
		require.ErrorIs(t, err, row.err, name)
	}
	got, err := f.query.Params(f.ctx, &types.QueryParamsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 12_345, got.Params.HistoryBlocks)
}

// A chain goes on after an import as if it had never stopped.
func TestGenesis(t *testing.T) {
	f := newFixture(t, 3)
	keys := []beacon.Key{f.key(1), f.key(2), f.key(3)}
	f.register(keys...)
	for i := range 7 {
		f.block(i%3, &keys[i%3])
	}
	exported, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.NoError(t, exported.Validate())

	g := newFixture(t, 3)
	require.NoError(t, g.k.InitGenesis(g.ctx, exported))
	g.ctx = g.ctx.WithBlockHeader(f.ctx.BlockHeader()).WithBlockHeight(f.ctx.BlockHeight())
	again, err := g.k.ExportGenesis(g.ctx)
	require.NoError(t, err)
	require.Equal(t, exported, again)
	require.Equal(t, f.block(1, &keys[1]), g.block(1, &keys[1]))

	for name, change := range map[string]func(*types.GenesisState){
		"bad parameters":    func(g *types.GenesisState) { g.Params.DrawContributors = 0 },
		"two keys of one":   func(g *types.GenesisState) { g.BeaconKeys = append(g.BeaconKeys, g.BeaconKeys[0]) },
		"one key of two":    func(g *types.GenesisState) { g.BeaconKeys[1].Pubkey = g.BeaconKeys[0].Pubkey },
		"no validator":      func(g *types.GenesisState) { g.BeaconKeys[0].Validator = "x" },
		"a short key":       func(g *types.GenesisState) { g.BeaconKeys[0].Pubkey = []byte{1} },
		"a short next key":  func(g *types.GenesisState) { g.BeaconKeys[0].NextPubkey = []byte{1} },
		"a negative height": func(g *types.GenesisState) { g.BeaconKeys[0].ActiveFrom = -1 },
		"a gap":             func(g *types.GenesisState) { g.Beacons = append(g.Beacons[:2], g.Beacons[3:]...) },
		"a short value":     func(g *types.GenesisState) { g.Beacons[0].Value = []byte{1} },
		"no contributor":    func(g *types.GenesisState) { g.Beacons[0].Contributor = "x" },
	} {
		bad, err := f.k.ExportGenesis(f.ctx)
		require.NoError(t, err)
		change(bad)
		require.Error(t, bad.Validate(), name)
		require.Error(t, newFixture(t, 3).k.InitGenesis(g.ctx, bad), name)
	}
}

// A chain that begins anew at height 0 keeps the keys that count, and the newest value.
func TestRestartAtZero(t *testing.T) {
	f := newFixture(t, 3)
	one, two, three := f.key(1), f.key(2), f.key(3)
	f.register(one, two)
	last := f.block(0, &one)
	height := f.ctx.BlockHeight()
	_, err := f.msg.RegisterBeaconKey(f.ctx, f.registration(1, f.key(4)))
	require.NoError(t, err)
	_, err = f.msg.RegisterBeaconKey(f.ctx, f.registration(2, three))
	require.NoError(t, err)
	require.NoError(t, f.k.RestartAtZero(f.ctx))
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.NoError(t, g.Validate())

	anew := newFixture(t, 3)
	require.NoError(t, anew.k.InitGenesis(anew.ctx, g))
	anew.ctx = anew.ctx.WithBlockHeight(0)
	b := anew.block(0, &one)
	require.NotEmpty(t, b.Contributor)
	output, err := beacon.Verify(one.PubKey(), one.Prove(beacon.HeightInput(chainID, 1)), beacon.HeightInput(chainID, 1))
	require.NoError(t, err)
	require.Equal(t, beacon.Value(last.Value).Next(output), beacon.Value(b.Value))
	require.NotEmpty(t, anew.block(1, &two).Contributor)
	require.EqualValues(t, 5, anew.record(2).ActiveFrom, "as long as it had still to wait at height %d", height)
	require.EqualValues(t, 5, anew.record(1).NextActiveFrom)
	for anew.ctx.BlockHeight() < 4 {
		require.Empty(t, anew.block(2, &three).Contributor)
	}
	require.NotEmpty(t, anew.block(2, &three).Contributor)
}

func TestQueriesRefuse(t *testing.T) {
	f := newFixture(t, 2)
	_, err := f.query.BeaconKey(f.ctx, &types.QueryBeaconKeyRequest{Validator: "x"})
	require.ErrorContains(t, err, "InvalidArgument")
	_, err = f.query.BeaconKey(f.ctx, &types.QueryBeaconKeyRequest{Validator: f.staking.list[0].OperatorAddress})
	require.ErrorContains(t, err, "beacon-key register")
	_, err = f.query.Beacon(f.ctx, &types.QueryBeaconRequest{Height: 77})
	require.ErrorContains(t, err, "NotFound")
	// Before the first block there is the chain's own beginning.
	b, err := f.query.Beacon(f.ctx, &types.QueryBeaconRequest{})
	require.NoError(t, err)
	want := beacon.Genesis(chainID)
	require.Equal(t, want[:], b.Beacon.Value)
}
