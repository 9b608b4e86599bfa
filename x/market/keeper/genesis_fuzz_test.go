package keeper_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"

	"github.com/edgematrix/emc/x/market"
	"github.com/edgematrix/emc/x/market/types"
)

// fuzzGenesis is a genesis that starts, without money: the bank of the fixture
// is empty. It has a session in every status.
func fuzzGenesis() *types.GenesisState {
	owner := sdk.AccAddress(bytes.Repeat([]byte{5}, 20))
	router, node := sdk.AccAddress(key("router").PubKey().Address()), sdk.AccAddress(key("node").PubKey().Address())
	nothing, empty := math.ZeroInt(), root(0)
	g := types.DefaultGenesis()
	for status := types.SESSION_STATUS_OPEN; status <= types.SESSION_STATUS_SETTLED; status++ {
		sequence := uint64(status)
		s := types.Session{
			Id: types.SessionID(owner, sequence), Owner: owner.String(), Sequence: sequence, Status: status, Key: key("session").PubKey().Bytes(), KeyId: 2,
			RetiredKeys: []types.RetiredKey{{KeyId: 1, Key: key("old").PubKey().Bytes(), ValidUntil: startTime + 9}},
			Routers:     []types.Sequencer{{Router: router.String(), Pubkey: key("router").PubKey().Bytes(), Allotment: nothing, Redeemed: nothing, Earned: nothing}},
			Deposit:     nothing, Direct: nothing, Held: nothing, Jobs: nothing, Refunded: nothing, Fees: nothing,
			OpenedAt: startTime, ExpiresAt: startTime + 60, Deadline: startTime + 60, Reason: "r",
		}
		if status == types.SESSION_STATUS_LAST {
			price := coin(5)
			s.Funder, s.Source, s.SlotHourPrice, s.Node = sdk.AccAddress(bytes.Repeat([]byte{6}, 32)).String(), "socket/7", &price, node.String()
		}
		g.Sessions = append(g.Sessions, s)
		g.Lanes = append(g.Lanes, types.Lane{Session: s.Id, Router: router.String(), Node: node.String(), Root: empty[:], OverIssued: 3})
		g.Evidence = append(g.Evidence, types.Evidence{Session: s.Id, Router: router.String(), Node: node.String(), Sequence: 4, Receipt: []byte{1}, RecordedBy: owner.String()})
	}
	g.Sequences = []types.SessionSequence{{Owner: owner.String(), Next: 9}}
	last := g.Sessions[2]
	g.Jobs = []types.SessionJob{
		{Job: strings.Repeat("ab", 16), Session: g.Sessions[0].Id, Owner: owner.String(), Held: coin(0)},
		{Job: strings.Repeat("cd", 16), Session: last.Id, Owner: owner.String(), Held: coin(0), Funder: last.Funder, Source: last.Source},
	}
	return g
}

var errPanic = errors.New("panic")

// A genesis file of any content is refused or starts, and neither checking nor
// starting it panics. What starts is what an export gives back, and goes on
// without an error.
func FuzzGenesis(f *testing.F) {
	enc := moduletestutil.MakeTestEncodingConfig(market.AppModule{})
	whole := string(enc.Codec.MustMarshalJSON(fuzzGenesis()))
	f.Add([]byte(whole))
	for _, cut := range [][2]string{
		{`"next":"9"`, `"next":"1"`}, {`"deadline":"`, `"deadline":"-`}, {`"status":"SESSION_STATUS_OPEN"`, `"status":"SESSION_STATUS_SETTLED"`},
		{`"key_id":2`, `"key_id":3`}, {`"deposit":"0"`, `"deposit":"-1"`}, {`"deposit":"0"`, `"deposit":"99999999999999999999"`}, {`"fees":"0"`, `"fees":""`},
		{`"sequence":"4"`, `"sequence":"18446744073709551615"`}, {`"over_issued":"3"`, `"over_issued":"18446744073709551615"`}, {`"router":"`, `"router":"x`},
		{`"amount":"0","count"`, `"amount":"5","count"`}, {`"owner":"`, `"owner":" `}, {`"held":{"denom":"uemc","amount":"0"}`, `"held":{"denom":"uemc","amount":"7"}`},
		{`"funder":"emc`, `"funder":"emx`}, {`"source":"socket/7"`, `"source":""`}, {`"slot_hour_price":{"denom":"uemc","amount":"5"}`, `"slot_hour_price":null`},
		{`"slot_hour_price":{"denom":"uemc","amount":"5"}`, `"slot_hour_price":{}`}, {`"slot_hour_price":null`, `"slot_hour_price":{"denom":"uemc","amount":"5"}`},
	} {
		if !strings.Contains(whole, cut[0]) {
			f.Fatalf("the genesis has no %s:\n%s", cut[0], whole)
		}
		f.Add([]byte(strings.Replace(whole, cut[0], cut[1], 1)))
	}
	f.Add([]byte(`{"covers":[{"router":"` + sdk.AccAddress(bytes.Repeat([]byte{1}, 20)).String() + `","node":"` + sdk.AccAddress(bytes.Repeat([]byte{2}, 20)).String() + `","amount":"5","lower":"1","lowers_at":"9"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var g types.GenesisState
		if enc.Codec.UnmarshalJSON(data, &g) != nil || g.Validate() != nil {
			return
		}
		started, err := start(t, &g)
		if errors.Is(err, errPanic) {
			t.Fatalf("a valid genesis: %v\n%s", err, data)
		}
		if err != nil {
			return // its sums are wrong, or it wants money that nobody has
		}
		export, err := started.k.ExportGenesis(started.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := export.Validate(); err != nil {
			t.Fatalf("what was exported is not valid: %v\n%s", err, data)
		}
		again, err := start(t, export)
		if err != nil {
			t.Fatalf("what was exported does not start: %v\n%s", err, data)
		}
		second, err := again.k.ExportGenesis(again.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := enc.Codec.MustMarshalJSON(export), enc.Codec.MustMarshalJSON(second); !bytes.Equal(a, b) {
			t.Fatalf("%s\nbecame\n%s", a, b)
		}
		for range 4 { // whatever it holds comes to its end by itself
			started.pass(40 * 86_400)
			for _, event := range started.ctx.EventManager().Events() {
				if strings.HasSuffix(event.Type, "EventQueueError") {
					t.Fatalf("an entry of the agenda fails: %v\n%s", event, data)
				}
			}
		}
	})
}

// start begins the module with a genesis.
func start(t *testing.T, g *types.GenesisState) (f *fixture, err error) {
	t.Helper()
	f = newFixture(t)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return f, f.k.InitGenesis(f.ctx, g)
}

// TestFuzzGenesisStarts: the seed is a sound one.
func TestFuzzGenesisStarts(t *testing.T) {
	g := fuzzGenesis()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := start(t, g)
	if err != nil {
		t.Fatal(err)
	}
	f.pass(40 * 86_400)
}
