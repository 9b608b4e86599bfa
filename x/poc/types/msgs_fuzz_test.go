package types_test

import (
	"bytes"
	"testing"
	"time"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

// FuzzMsgs: whatever a message holds, its check gives a clear answer and never panics.
func FuzzMsgs(f *testing.F) {
	validator := sdk.ValAddress(bytes.Repeat([]byte{1}, 20)).String()
	f.Add(validator, make([]byte, beacon.PubKeySize), make([]byte, beacon.ProofSize))
	f.Add("", []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, validator string, pubkey, proof []byte) {
		m := types.MsgRegisterBeaconKey{Validator: validator, Pubkey: pubkey, Proof: proof}
		addr, err := m.Validate()
		if (err == nil) != (len(addr) > 0) {
			t.Fatalf("%v for %x", err, addr)
		}
		if err == nil && (len(pubkey) != beacon.PubKeySize || len(proof) != beacon.ProofSize) {
			t.Fatal("sizes are not checked")
		}
	})
}

// FuzzGenesis: a genesis from anywhere is refused in words, or is sound.
func FuzzGenesis(f *testing.F) {
	good := types.DefaultGenesis()
	good.BeaconKeys = []types.BeaconKey{{Validator: sdk.ValAddress(bytes.Repeat([]byte{1}, 20)).String(), Pubkey: make([]byte, 32)}}
	good.Beacons = []types.Beacon{{Height: 1, Value: make([]byte, 32)}, {Height: 2, Value: make([]byte, 32)}}
	raw, err := good.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	for phase := types.PHASE_OPEN; phase <= types.PHASE_VOID; phase++ {
		raw, err := underWay(good, phase).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g types.GenesisState
		if g.Unmarshal(raw) != nil || g.Validate() != nil {
			return
		}
		for _, k := range g.BeaconKeys {
			for _, height := range []int64{0, 1, 1 << 62} {
				k.ActiveAt(height)
				if err := k.Since(height).Validate(); err != nil {
					t.Fatalf("%+v since %d: %v", k, height, err)
				}
			}
		}
		for _, w := range g.Windows {
			for _, c := range g.Commits {
				if power := w.Claim(c); power > types.MaxPower {
					t.Fatalf("%+v claims %d", c, power)
				}
				w.Drawn(c)
				if _, err := w.TaskWindow("chain", c.Node, make([]byte, 33), c.Log2N); err != nil {
					t.Fatalf("%+v in %+v: %v", c, w, err)
				}
			}
		}
		for _, e := range g.ProbeEpochs {
			e.Decidable(g.Params)
			for i := range e.Members {
				for _, report := range g.ProbeReports {
					types.Count(e.Targets, e.Members[i:i+1], []*types.ProbeReport{&report}).Backed(math.NewInt(1 << 40))
				}
			}
		}
		for _, r := range g.Records {
			r.Quartile(g.Number, g.Params.PowerWindows)
			r.Changes(g.Number, g.Params.PowerWindows)
		}
	})
}

// underWay is a genesis in the middle of a window.
func underWay(good *types.GenesisState, phase types.Phase) *types.GenesisState {
	g, node, some := *good, bytes.Repeat([]byte{2}, 20), make([]byte, 32)
	g.Number = 7
	g.Windows = []types.Window{{
		Height: 9, Phase: phase, Beacon: some, Opened: time.Unix(1_700_000_000, 0).UTC(), ClosesAt: 12, TookNanoseconds: 3e9, Number: 7,
		Draw: some, DrawnAt: 14, RevealUntil: 16, Commits: 1, DrawBelow: types.Everyone, Samples: 4, SuspectSamples: 8,
		Minted: math.NewInt(5), MintedValidators: math.NewInt(1), Paid: math.NewInt(2),
	}}
	if phase < types.PHASE_CLOSED {
		g.Commits = []types.Commit{{Node: node, Window: 9, Log2N: 10, Rounds: 3, Root: some, Outcome: types.OUTCOME_PROVED, Power: 100, Weight: 50}}
	}
	r := types.NewRecord(sdk.AccAddress(node).String())
	r.Scores, r.Power, r.ChangesAt = []types.Score{{Number: 7, Outcome: types.OUTCOME_PROVED, Power: 100}}, 100, 8
	g.Records = []types.Record{r}
	g.Rewards = []types.Reward{types.NewReward(r.Node)}
	g.Emission = types.Emission{Started: 1, Accounted: math.NewInt(100), Minted: math.NewInt(60), Undivided: math.NewInt(3), RoutersDue: math.NewInt(9), UndividedRouters: math.NewInt(2)}
	probesUnderWay(&g, types.ProbePhase(min(int(phase), int(types.PROBE_PHASE_CLOSED))))
	return &g
}

// probesUnderWay adds an epoch of probes in a phase.
func probesUnderWay(g *types.GenesisState, phase types.ProbePhase) {
	validator := sdk.ValAddress(bytes.Repeat([]byte{4}, 20)).String()
	g.Probers = []types.Prober{{Validator: validator, Prober: sdk.AccAddress(bytes.Repeat([]byte{5}, 20)).String()}}
	e := types.NewProbeEpoch(3, 9, 40, make([]byte, 32))
	e.Phase = phase
	if e.Active() {
		e.Members, e.Bonded, e.Targets = []types.ProbeMember{{Validator: validator, Power: 5}}, 7, 1
		g.ProbeTargets = []types.ProbeTarget{{Node: bytes.Repeat([]byte{2}, 20), Router: true, Weight: math.NewInt(1), Operator: g.Records[0].Node}}
		g.ProbeReports = []types.ProbeReport{{Validator: validator, Probed: []byte{1}, Passed: []byte{1}}}
	}
	g.ProbeEpochs = []types.ProbeEpoch{e}
}

func TestUnderWay(t *testing.T) {
	for phase := types.PHASE_OPEN; phase <= types.PHASE_VOID; phase++ {
		if err := underWay(types.DefaultGenesis(), phase).Validate(); err != nil {
			t.Fatalf("%s: %v: the seeds of FuzzGenesis are no sound ones", phase, err)
		}
	}
}
