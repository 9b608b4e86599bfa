package simulation

import (
	"encoding/hex"
	"fmt"
	"math/rand"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"

	"github.com/edgematrix/emc/x/compute/types"
)

// RandomizedGenState begins a simulation with some apps, closed jobs, and nodes
// of which some are jailed, one at least: no message jails, and unjailing is to be played
// too. Nothing in it holds money, so that the bank's genesis need not know it.
func RandomizedGenState(s *module.SimulationState) {
	g := types.DefaultGenesis()
	g.Params = RandomParams(s.Rand)
	start := s.GenTimestamp.Unix()
	account := func() simtypes.Account { a, _ := simtypes.RandomAcc(s.Rand, s.Accounts); return a }
	for i := range 1 + s.Rand.Intn(4) {
		g.Apps = append(g.Apps, randomApp(s.Rand, fmt.Sprintf("app-%d", i), account().AddressBech32))
	}
	nodes := map[string]bool{}
	for range 4 + s.Rand.Intn(5) {
		node, operator := account(), account()
		if nodes[node.AddressBech32] {
			continue
		}
		nodes[node.AddressBech32] = true
		n := types.Node{
			Address: node.AddressBech32, Pubkey: node.PubKey.Bytes(), Operator: operator.AddressBech32, Role: types.ROLE_COMPUTING,
			Offer: randomOffer(s.Rand, g.Apps), Stake: math.ZeroInt(), Deposit: math.ZeroInt(), ReservedStake: math.ZeroInt(), RegisteredAt: start,
			Power: randomPower(s.Rand),
		}
		if n.Jailed = s.Rand.Intn(3) == 0 || len(g.Nodes) == 0; n.Jailed {
			longest := int64(600)
			if len(g.Nodes) == 0 {
				longest = 10 // who is jailed for long is often retired before anybody can unjail it
			}
			n.JailedUntil = start + s.Rand.Int63n(longest)
			g.Slashes = append(g.Slashes, types.Slash{
				Node: n.Address, Height: 1, Time: start, Amount: math.NewInt(s.Rand.Int63n(1_000_000)), Reason: "before the genesis", Evidence: randomDigest(s.Rand),
			})
		}
		g.Nodes = append(g.Nodes, n)
	}
	g.Jobs, g.JobSequences = closedJobs(s.Rand, account, g, start)
	s.GenState[types.ModuleName] = s.Cdc.MustMarshalJSON(g)
}

// closedJobs are jobs that only wait to be forgotten.
func closedJobs(r *rand.Rand, account func() simtypes.Account, g *types.GenesisState, start int64) (jobs []types.Job, next []types.JobSequence) {
	seen := map[string]bool{}
	for range r.Intn(4) {
		customer, app, n := account(), oneOf(r, g.Apps), oneOf(r, g.Nodes)
		if seen[customer.AddressBech32] {
			continue
		}
		seen[customer.AddressBech32] = true
		price, paid := 10_000+r.Int63n(1_000_000), int64(0)
		status := oneOf(r, []types.JobStatus{types.JOB_STATUS_COMPLETED, types.JOB_STATUS_FAILED, types.JOB_STATUS_CANCELLED, types.JOB_STATUS_EXPIRED})
		if status != types.JOB_STATUS_FAILED {
			paid = r.Int63n(price)
		}
		uemc := func(n int64) sdk.Coin { return types.Uemc(math.NewInt(n)) }
		count := uint64(1 + r.Intn(3))
		jobs = append(jobs, types.Job{
			Id: types.JobID(customer.Address, count-1), Customer: customer.AddressBech32, Sequence: count - 1, App: app.Id, Runtime: app.Runtime,
			AppDigest: hex.EncodeToString(randomDigest(r)), Requirements: types.Requirements{MinStake: math.ZeroInt()}, MaxSeconds: 60,
			MaxPrice: uemc(price), SpecDigest: randomDigest(r), InputsDigest: randomDigest(r), AccessKey: customer.PubKey.Bytes(),
			Status: status, Node: n.Address, Operator: n.Operator, SlotHourPrice: n.Offer.SlotHourPrice, SubmittedAt: start, ClosedAt: start,
			Paid: uemc(paid), Refunded: uemc(price - paid), Deadline: start + 1 + r.Int63n(600), Reason: "before the genesis",
		})
		next = append(next, types.JobSequence{Customer: customer.AddressBech32, Next: count})
	}
	return jobs, next
}
