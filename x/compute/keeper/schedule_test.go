package keeper_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/x/compute/types"
)

func TestCheapestThatFitsWins(t *testing.T) {
	f, operator, customer, _ := market(t)
	small := offer(100)
	small.Hardware.MemoryBytes = 1 << 20
	f.node(2, operator, small)
	byName := offer(200)
	byName.Apps, byName.Runtimes = []string{"charlm"}, nil
	named := f.node(3, operator, byName)
	both := offer(300)
	both.Apps = []string{"charlm"}
	f.node(4, operator, both)
	m := submission(customer)
	m.Requirements.MemoryBytes = 1 << 30
	require.Equal(t, named, f.mustSubmit(m).Node)
	require.Equal(t, named, f.mustSubmit(m).Node, "second slot")
	require.NotEqual(t, named, f.mustSubmit(m).Node, "full")
}

func TestEqualPricesAreServedInTurn(t *testing.T) {
	f, operator, customer, _ := market(t)
	for i := 2; i <= 8; i++ {
		f.node(i, operator, offer(3_600_000))
	}
	var order []string
	for range 16 {
		f.block(1)
		res := f.mustSubmit(submission(customer))
		order = append(order, res.Node)
		require.NoError(t, f.cancel(customer.String(), res.Job))
	}
	seen := map[string]bool{}
	for _, node := range order[:8] {
		require.False(t, seen[node], "each of the eight gets one job before any gets its second")
		seen[node] = true
	}
	require.Equal(t, order[:8], order[8:], "who waits longest is served first")
}

func TestScanIsBounded(t *testing.T) {
	f, operator, customer, _ := market(t)
	tiny := offer(1)
	tiny.Hardware.MemoryBytes = 1
	for i := 2; i < 2+64; i++ {
		f.node(i, operator, tiny)
	}
	m := submission(customer)
	m.Requirements.MemoryBytes = 1 << 30
	_, err := f.submit(m)
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.ErrorContains(t, err, "none of the 64 cheapest candidates fits (64: needs 1073741824 bytes of memory, a slot has 0)")
}

func TestMatchTellsEachNodesFailure(t *testing.T) {
	f, operator, _, _ := market(t)
	far := offer(10)
	far.Region = "US-CA"
	usa := f.node(2, operator, far)
	docker := offer(10)
	docker.Runtimes = []string{types.RuntimeDocker}
	wrong := f.node(3, operator, docker)
	dear := f.node(4, operator, offer(360_000_000))
	price := coin(1_000_000)

	res, err := f.query.Match(f.ctx, &types.QueryMatchRequest{App: "charlm", MaxSeconds: 600, MaxPrice: price, Requirements: types.Requirements{Region: "DE"}})
	require.NoError(t, err)
	require.NotEmpty(t, res.Node)
	require.Equal(t, coin(600_000), res.Quote)
	require.Len(t, res.Candidates, 4)
	for _, c := range res.Candidates {
		switch c.Node {
		case usa:
			require.Equal(t, []string{`needs region DE, the node is in "US-CA"`}, c.Failures)
		case wrong:
			require.Equal(t, []string{"does not serve app charlm, nor every wasm app"}, c.Failures)
		case dear:
			require.Equal(t, []string{"costs 60000000uemc for 600 s, the maximum price is 1000000uemc"}, c.Failures)
		default:
			require.Equal(t, res.Node, c.Node)
			require.Empty(t, c.Failures)
		}
	}
	res, err = f.query.Match(f.ctx, &types.QueryMatchRequest{App: "charlm", Node: usa, MaxSeconds: 600, MaxPrice: price, Requirements: types.Requirements{Region: "DE"}})
	require.NoError(t, err)
	require.Empty(t, res.Node)
	require.Contains(t, res.Reason, "needs region DE")
	_, err = f.query.Match(f.ctx, &types.QueryMatchRequest{App: "nothing"})
	require.ErrorContains(t, err, "NotFound")
}

func TestRequirements(t *testing.T) {
	n := types.Node{Role: types.ROLE_COMPUTING, Offer: offer(1), Power: 5, Stake: coin(100).Amount}
	n.Offer.Hardware.Gpus = []types.Gpu{{Model: "NVIDIA H200", MemoryBytes: 141 << 30}}
	app := types.App{Id: "charlm", Runtime: types.RuntimeWasm}
	for _, tc := range []struct {
		req  types.Requirements
		want string
	}{
		{types.Requirements{}, ""},
		{types.Requirements{CpuCores: 2}, ""},
		{types.Requirements{CpuCores: 3}, "needs 3 CPU cores, a slot has 2"},
		{types.Requirements{MemoryBytes: 4<<30 + 1}, "needs 4294967297 bytes of memory, a slot has 4294967296"},
		{types.Requirements{Gpus: 1, GpuModel: "H200"}, ""},
		{types.Requirements{Gpus: 2}, `needs 2 GPUs with model "" and 0 bytes of memory, the node has 1`},
		{types.Requirements{Gpus: 1, GpuModel: "B200"}, `needs 1 GPUs with model "B200" and 0 bytes of memory, the node has 0`},
		{types.Requirements{Region: "DE"}, ""},
		{types.Requirements{Region: "DE-BY"}, `needs region DE-BY, the node is in "DE-BE"`},
		{types.Requirements{MinIsolation: 1}, "needs isolation tier 1, the node has 0"},
		{types.Requirements{Egress: true}, "cannot give a way to the internet to a wasm app"},
		{types.Requirements{MinSlotPower: 2}, ""},
		{types.Requirements{MinSlotPower: 3}, "needs a slot with 0.000003 E of proven power, a slot has 0.000002 E"},
		{types.Requirements{MinStake: coin(101).Amount}, "needs 101uemc of stake, the node has 100uemc"},
	} {
		got := n.Failures(types.Demand{App: app, Requirements: tc.req, MaxSeconds: 1})
		if tc.want == "" {
			require.Empty(t, got)
		} else {
			require.Equal(t, []string{tc.want}, got)
		}
	}
}

func TestEgressGoesToNodesThatOfferIt(t *testing.T) {
	n := types.Node{Role: types.ROLE_COMPUTING, Offer: offer(1), Stake: coin(1).Amount}
	n.Offer.Runtimes = []string{types.RuntimeDocker}
	d := types.Demand{App: types.App{Id: "fetch", Runtime: types.RuntimeDocker}, Requirements: types.Requirements{Egress: true}, MaxSeconds: 1}
	require.Equal(t, []string{"needs a way to the internet, the node gives none to jobs"}, n.Failures(d))
	n.Offer.Egress = true
	require.Empty(t, n.Failures(d))
}

func TestAppRegistry(t *testing.T) {
	f := newFixture(t)
	owner, other := f.account("owner", 5_000_000), f.account("other", 0)
	f.app(owner)
	require.Equal(t, int64(4_000_000), f.balance(owner), "the fee")
	register := func(m *types.MsgRegisterApp) error {
		_, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterAppResponse, error) { return f.msg.RegisterApp(ctx, m) })
		return err
	}
	good := func() *types.MsgRegisterApp {
		return &types.MsgRegisterApp{Owner: owner.String(), Id: "ocr", Runtime: types.RuntimeDocker, Digest: digestHex(7), Interface: types.INTERFACE_BATCH}
	}
	for name, change := range map[string]func(*types.MsgRegisterApp){
		"empty id": func(m *types.MsgRegisterApp) { m.Id = "" }, "id": func(m *types.MsgRegisterApp) { m.Id = "Über" },
		"runtime": func(m *types.MsgRegisterApp) { m.Runtime = "" }, "digest": func(m *types.MsgRegisterApp) { m.Digest = "ab" },
		"image of wasm":  func(m *types.MsgRegisterApp) { m.Runtime, m.Image = types.RuntimeWasm, "ghcr.io/you/app" },
		"image with tag": func(m *types.MsgRegisterApp) { m.Image = "ghcr.io/you/app:1" }, "bare image": func(m *types.MsgRegisterApp) { m.Image = "app" },
		"image with digest": func(m *types.MsgRegisterApp) { m.Image = "ghcr.io/you/app@sha256:" + digestHex(1) },
		"image as a flag":   func(m *types.MsgRegisterApp) { m.Image = "-v/x/y" }, "long image": func(m *types.MsgRegisterApp) { m.Image = "a.b/" + strings.Repeat("c", 200) },
		"interface": func(m *types.MsgRegisterApp) { m.Interface = 9 }, "comparison": func(m *types.MsgRegisterApp) { m.Comparison = -1 },
		"words": func(m *types.MsgRegisterApp) { m.Description = string(make([]byte, 300)) },
	} {
		m := good()
		change(m)
		require.ErrorIs(t, register(m), types.ErrInvalidApp, name)
	}
	again := good()
	again.Id = "charlm"
	require.ErrorIs(t, register(again), types.ErrAppExists)
	poor := good()
	poor.Owner = other.String()
	require.ErrorContains(t, register(poor), "app registration fee")

	update := &types.MsgUpdateApp{Owner: other.String(), Id: "charlm", Runtime: types.RuntimeWasm, Digest: digestHex(9), Interface: types.INTERFACE_BATCH}
	_, err := f.msg.UpdateApp(f.ctx, update)
	require.ErrorIs(t, err, types.ErrNotOwner)
	update.Owner = owner.String()
	_, err = f.msg.UpdateApp(f.ctx, update)
	require.NoError(t, err)
	update.Id = "ghost"
	_, err = f.msg.UpdateApp(f.ctx, update)
	require.ErrorIs(t, err, types.ErrAppNotFound)
}

func TestJobKeepsDigestOfItsSubmission(t *testing.T) {
	f, operator, customer, _ := market(t)
	res := f.mustSubmit(submission(customer))
	_, err := f.msg.UpdateApp(f.ctx, &types.MsgUpdateApp{Owner: operator.String(), Id: "charlm", Runtime: types.RuntimeWasm, Digest: digestHex(9), Interface: types.INTERFACE_BATCH})
	require.NoError(t, err)
	require.NotEqual(t, digestHex(9), f.job(res.Job).AppDigest)
}

func TestQueriesAreCapped(t *testing.T) {
	f, _, customer, node := market(t)
	for range 2 {
		f.mustSubmit(submission(customer))
	}
	list, err := f.query.CustomerJobs(f.ctx, &types.QueryCustomerJobsRequest{Customer: customer.String()})
	require.NoError(t, err)
	require.Len(t, list.Jobs, 2)
	require.Greater(t, list.Jobs[0].Sequence, list.Jobs[1].Sequence, "newest first")
	first, err := f.query.CustomerJobs(f.ctx, &types.QueryCustomerJobsRequest{Customer: customer.String(), Pagination: &query.PageRequest{Limit: 1}})
	require.NoError(t, err)
	rest, err := f.query.CustomerJobs(f.ctx, &types.QueryCustomerJobsRequest{Customer: customer.String(), Pagination: &query.PageRequest{Key: first.Pagination.NextKey}})
	require.NoError(t, err)
	require.Equal(t, list.Jobs, append(first.Jobs, rest.Jobs...))
	require.Empty(t, rest.Pagination.NextKey)
	open, err := f.query.NodeJobs(f.ctx, &types.QueryNodeJobsRequest{Node: node})
	require.NoError(t, err)
	require.Len(t, open.Jobs, 2)
	nodes, err := f.query.Nodes(f.ctx, &types.QueryNodesRequest{})
	require.NoError(t, err)
	require.Equal(t, "has no free slot: 2 of 2 are taken", nodes.Nodes[0].Unavailable)
	// Clients read the list from any place on (pkg/chainclient, Routers), also from behind its end.
	key := sdk.MustAccAddressFromBech32(node)
	for from, want := range map[string]int{string(key[:19]): 1, string(key): 1, string(key) + "\x00": 0} {
		nodes, err = f.query.Nodes(f.ctx, &types.QueryNodesRequest{Pagination: &query.PageRequest{Key: []byte(from)}})
		require.NoError(t, err)
		require.Len(t, nodes.Nodes, want)
		require.Empty(t, nodes.Pagination.NextKey)
	}
	_, err = f.query.Job(f.ctx, &types.QueryJobRequest{Job: types.JobID(customer, 9)})
	require.ErrorContains(t, err, "NotFound")
	_, err = f.query.Node(f.ctx, &types.QueryNodeRequest{Node: "emc1"})
	require.ErrorContains(t, err, "InvalidArgument")
}

func TestBlockWorkIsBounded(t *testing.T) {
	f, operator, customer, _ := market(t)
	p := types.DefaultParams()
	p.BlockWork, p.MaxScan = 30, 4
	require.NoError(t, f.k.Params.Set(f.ctx, p))
	big := offer(3_600_000)
	big.Slots = 1000
	big.Hardware.MemoryBytes = 1 << 50
	f.node(2, operator, big)
	rich := f.account("rich", 200_000_000)
	for i := range 100 {
		m := submission(rich)
		res := f.mustSubmit(m)
		require.NoError(t, f.acknowledge(f.job(res.Job).Node, res.Job, false), fmt.Sprint(i))
	}
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(1e9 * 1800))
	blocks := 0
	for ; f.bank.GetBalance(f.ctx, rich, types.Denom).Amount.Int64() < 200_000_000-100*2_500; blocks++ {
		require.Less(t, blocks, 10)
		f.block(1)
	}
	require.Greater(t, blocks, 2, "not all in one block")
	_ = customer
}
