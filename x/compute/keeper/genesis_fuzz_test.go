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

	"github.com/edgematrix/emc/x/compute"
	"github.com/edgematrix/emc/x/compute/types"
)

// fuzzGenesis is a genesis that starts, without money: the bank of the fixture
// is empty.
func fuzzGenesis() *types.GenesisState {
	node, customer := sdk.AccAddress(nodeKey(1).PubKey().Address()), sdk.AccAddress(bytes.Repeat([]byte{5}, 20))
	g := types.DefaultGenesis()
	g.Apps = []types.App{{
		Id: "charlm", Owner: customer.String(), Runtime: types.RuntimeWasm, Digest: strings.Repeat("ab", 32), Interface: types.INTERFACE_BATCH, Comparison: types.COMPARISON_EXACT,
	}}
	n := types.Node{
		Address: node.String(), Pubkey: nodeKey(1).PubKey().Bytes(), Operator: customer.String(), Role: types.ROLE_COMPUTING, Offer: offer(360_000),
		Stake: math.ZeroInt(), Deposit: math.ZeroInt(), ReservedStake: math.ZeroInt(), RegisteredAt: startTime, ReportedAt: startTime, Accepting: true,
	}
	n.ReservedSlots, n.ReservedPower, n.Power = 1, 3, 5
	n.Jailed, n.OutageSince, n.OutageSeconds = true, startTime-7, 11
	g.Nodes = []types.Node{n}
	g.Reservations = []types.Reservation{{Node: n.Address, Promise: "lease/1", Slots: 1, Power: 3, Stake: math.ZeroInt()}}
	g.Unbondings = []types.Unbonding{{Node: n.Address, Sequence: 4, Operator: n.Operator, Amount: math.ZeroInt(), CompletesAt: startTime + 9}}
	g.Slashes = []types.Slash{{Node: n.Address, Height: 2, Time: startTime, Amount: math.NewInt(7), Reason: "r", Evidence: []byte{1}}}
	g.Jobs = []types.Job{{
		Id: types.JobID(customer, 2), Customer: customer.String(), Sequence: 2, App: "charlm", Runtime: types.RuntimeWasm, AppDigest: strings.Repeat("ab", 32),
		Requirements: types.Requirements{MinStake: math.ZeroInt()}, MaxSeconds: 60, MaxPrice: coin(10), SpecDigest: bytes.Repeat([]byte{1}, 32),
		InputsDigest: bytes.Repeat([]byte{2}, 32), AccessKey: nodeKey(1).PubKey().Bytes(), Status: types.JOB_STATUS_COMPLETED, Node: n.Address, Operator: n.Operator,
		SlotHourPrice: coin(360_000), Paid: coin(4), Refunded: coin(6), Payer: types.JobEscrow(strings.Repeat("0a", 16)).String(), Deadline: startTime + 5, SubmittedAt: startTime, ClosedAt: startTime,
	}}
	g.JobSequences = []types.JobSequence{{Customer: customer.String(), Next: 3}}
	return g
}

var errPanic = errors.New("panic")

// A genesis file of any content is refused or starts, and neither checking nor
// starting it panics. What starts is what an export gives back, and starts
// again, and goes on for months without an error.
func FuzzGenesis(f *testing.F) {
	enc := moduletestutil.MakeTestEncodingConfig(compute.AppModule{})
	whole := string(enc.Codec.MustMarshalJSON(fuzzGenesis()))
	f.Add([]byte(whole))
	for _, cut := range [][2]string{
		{`"sequence":"4"`, `"sequence":"18446744073709551615"`}, {`"completes_at":`, `"completes_at_":`}, {`"stake":"0"`, `"stake":"-1"`},
		{`"slots":2`, `"slots":0`}, {`"status":"JOB_STATUS_COMPLETED"`, `"status":"JOB_STATUS_RUNNING"`}, {`"next":"3"`, `"next":"2"`},
		{`"amount":"0","completes_at"`, `"amount":"","completes_at"`}, {`"amount":"0","completes_at"`, `"amount":"-5","completes_at"`},
		{`"amount":"7","reason"`, `"amount":"-7","reason"`}, {`"power":"3"`, `"power":"18446744073709551615"`}, {`"promise":"lease/1"`, `"promise":""`},
		{`"promise":"lease/1"`, `"promise":"job/x"`}, {`"block_time":"0"`, `"block_time":"9223372036854775807"`}, {`"standstill":"0"`, `"standstill":"9223372036854775807"`},
		{`"slot_hour_price":{"denom":"uemc","amount":"360000"}`, `"slot_hour_price":{"denom":"uemc","amount":"99999999999999999999"}`},
		{`"deadline":"`, `"deadline":"-`}, {`"outage_since":"`, `"outage_since":"-`}, {`"outage_since":"`, `"outage_since":"9`}, {`"outage_seconds":"11"`, `"outage_seconds":"18446744073709551615"`},
		{`"promise":"lease/1","slots":1,"power":"3","stake":"0"`, `"promise":"lease/1","slots":1,"power":"3"`},
		{`"customer":"`, `"customer":" `}, {`"payer":"`, `"payer":"x`}, {`"role":"ROLE_COMPUTING"`, `"role":"ROLE_ROUTER"`}, {`"node":"`, `"node":" `}, {`"address":"`, `"address":" `},
	} {
		if !strings.Contains(whole, cut[0]) {
			f.Fatalf("the genesis has no %s:\n%s", cut[0], whole)
		}
		f.Add([]byte(strings.Replace(whole, cut[0], cut[1], 1)))
	}
	balanced := strings.Replace(whole, `"stake":"0","deposit"`, `"stake":"5","deposit"`, 1)
	f.Add([]byte(strings.Replace(balanced, `"amount":"0","completes_at"`, `"amount":"-5","completes_at"`, 1)))
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
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
		// Whatever it holds comes to its end by itself, and the invariants hold.
		for range 4 {
			started.block(8)
			started.block(40 * 86_400)
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
