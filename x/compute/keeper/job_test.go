package keeper_test

import (
	"errors"
	"testing"

	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// market is a fixture with one operator, one node at 3.6 EMC a slot-hour
// (1,000 uemc a second), one app and one customer with 10 EMC.
func market(t *testing.T) (f *fixture, operator, customer sdk.AccAddress, node string) {
	t.Helper()
	f = newFixture(t)
	operator = f.account("operator", 100_000_000)
	customer = f.account("customer", 10_000_000)
	node = f.node(1, operator, offer(3_600_000))
	f.app(operator)
	return f, operator, customer, node
}

func TestJobPaidOnAcceptance(t *testing.T) {
	f, operator, customer, node := market(t)
	before := f.balance(operator)

	res := f.running(submission(customer))
	require.Equal(t, node, res.Node)
	require.Equal(t, int64(9_000_000), f.balance(customer))
	require.Equal(t, int64(1_000_000), f.balance(types.JobEscrow(res.Job)))
	require.Equal(t, uint32(1), f.load(node).ReservedSlots)

	require.False(t, f.accounts.HasAccount(f.ctx, types.JobEscrow(res.Job)), "an escrow needs no account, and no account number")
	f.pass(100)
	require.NoError(t, f.finish(node, res.Job, receipt(90)))
	require.Equal(t, uint32(0), f.load(node).ReservedSlots, "the receipt frees the slot")
	require.NoError(t, f.accept(customer.String(), res.Job))

	require.Equal(t, before+90_000, f.balance(operator), "90 s at 1,000 uemc")
	require.Equal(t, int64(10_000_000-90_000), f.balance(customer))
	require.Zero(t, f.balance(types.JobEscrow(res.Job)))
	require.Equal(t, types.JOB_STATUS_COMPLETED, f.job(res.Job).Status)
	require.Equal(t, uint64(1), f.load(node).Reputation.JobsCompleted)
	require.Equal(t, []string{"closed completed"}, f.hooks.calls)

	// The closed job leaves the state after its retention, its id never comes again.
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().AddDate(0, 0, 8))
	f.block(1)
	_, err := f.k.Job(f.ctx, res.Job)
	require.ErrorIs(t, err, types.ErrJobNotFound)
	f.report(node)
	require.NotEqual(t, res.Job, f.mustSubmit(submission(customer)).Job)
}

func TestJobPaidWhenCustomerIsGone(t *testing.T) {
	f, operator, customer, node := market(t)
	before := f.balance(operator)
	res := f.running(submission(customer))
	f.pass(50)
	require.NoError(t, f.finish(node, res.Job, receipt(50)))
	f.pass(int64(types.DefaultParams().AcceptanceSeconds) - 10)
	require.Equal(t, types.JOB_STATUS_FINISHED, f.job(res.Job).Status)
	f.pass(10)
	require.Equal(t, types.JOB_STATUS_COMPLETED, f.job(res.Job).Status)
	require.Equal(t, before+50_000, f.balance(operator))
}

func TestBillingBounds(t *testing.T) {
	for _, tc := range []struct {
		name     string
		elapsed  int64
		measured uint64
		price    int64
	}{
		{"success - the node's measure lowers the bill", 100, 60, 60_000},
		{"success - chain time bounds a node that claims more", 100, 10_000, 100_000},
		{"success - the deadline bounds both", 700, 10_000, 600_000},
		{"success - the minimum fee is the least", 100, 1, 5_000},
		{"success - a start and a receipt in one block", 0, 500, 5_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, operator, customer, node := market(t)
			before := f.balance(operator)
			res := f.running(submission(customer))
			f.pass(tc.elapsed)
			require.NoError(t, f.finish(node, res.Job, receipt(tc.measured)))
			require.NoError(t, f.accept(customer.String(), res.Job))
			require.Equal(t, before+tc.price, f.balance(operator))
			require.Equal(t, 10_000_000-tc.price, f.balance(customer))
		})
	}
}

func TestBillNeverExceedsMaxPrice(t *testing.T) {
	f, _, customer, node := market(t)
	m := submission(customer)
	m.MaxSeconds, m.MaxPrice = 6, coin(6_000)
	res := f.running(m)
	f.pass(100)
	require.NoError(t, f.finish(node, res.Job, receipt(100)))
	require.Equal(t, int64(6_000), f.job(res.Job).Paid.Amount.Int64())
}

func TestMinimumFeeAboveMaxPriceAfterParamChange(t *testing.T) {
	f, _, customer, node := market(t)
	m := submission(customer)
	m.MaxSeconds, m.MaxPrice = 6, coin(6_000)
	res := f.running(m)
	p := types.DefaultParams()
	p.JobMinFee, p.JobReservationFee = coin(50_000), coin(40_000)
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUpdateParamsResponse, error) {
		return f.msg.UpdateParams(ctx, &types.MsgUpdateParams{Authority: f.authority, Params: p})
	})
	require.NoError(t, err)
	require.NoError(t, f.finish(node, res.Job, receipt(1)))
	require.Equal(t, int64(6_000), f.job(res.Job).Paid.Amount.Int64(), "the maximum price bounds the minimum fee")
	require.NoError(t, f.accept(customer.String(), res.Job))
}

func TestWorkerFaultRefundsInFull(t *testing.T) {
	f, _, customer, node := market(t)
	res := f.running(submission(customer))
	f.pass(30)
	r := receipt(30)
	r.Reason = types.EXIT_REASON_WORKER
	require.NoError(t, f.finish(node, res.Job, r))
	require.Equal(t, int64(10_000_000), f.balance(customer))
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(res.Job).Status)
	require.Equal(t, uint64(1), f.load(node).Reputation.JobsFailed)
}

func TestCustomerNeverUploads(t *testing.T) {
	f, operator, customer, node := market(t)
	before := f.balance(operator)
	res := f.mustSubmit(submission(customer))
	require.NoError(t, f.acknowledge(node, res.Job, false))
	f.pass(int64(types.DefaultParams().InputSeconds))
	require.Equal(t, types.JOB_STATUS_EXPIRED, f.job(res.Job).Status)
	require.Equal(t, before+2_500, f.balance(operator))
	require.Equal(t, int64(10_000_000-2_500), f.balance(customer))
	require.Equal(t, uint32(0), f.load(node).ReservedSlots)
	require.Equal(t, uint64(1), f.load(node).Reputation.InputsMissing)
}

func TestDeadWorkerWhileRunning(t *testing.T) {
	f, _, customer, node := market(t)
	res := f.running(submission(customer))
	f.pass(600 + int64(types.DefaultParams().ReceiptSeconds))
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(res.Job).Status)
	require.Equal(t, int64(10_000_000), f.balance(customer))
	require.ErrorIs(t, f.finish(node, res.Job, receipt(10)), types.ErrWrongStatus, "a late receipt")
}

func TestUnacknowledgedJobIsReassigned(t *testing.T) {
	f, operator, customer, dead := market(t)
	second := f.node(2, operator, offer(7_200_000))
	m := submission(customer)
	m.MaxPrice = coin(2_000_000)
	res := f.mustSubmit(m)
	require.Equal(t, dead, res.Node, "the cheaper one")
	f.pass(60)
	job := f.job(res.Job)
	require.Equal(t, second, job.Node)
	require.Equal(t, types.JOB_STATUS_SCHEDULED, job.Status)
	require.Equal(t, []string{dead}, job.TriedNodes)
	require.Equal(t, coin(7_200_000), job.SlotHourPrice)
	n := f.load(dead)
	require.Equal(t, uint64(1), n.Reputation.StartsMissed)
	require.Greater(t, n.SuspendedUntil, f.ctx.BlockTime().Unix())
	require.ErrorIs(t, f.acknowledge(dead, res.Job, true), types.ErrWrongNode, "too late")

	// The second one dies after it received the inputs: no third node, full refund.
	require.NoError(t, f.acknowledge(second, res.Job, true))
	f.pass(int64(types.DefaultParams().StartSeconds))
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(res.Job).Status)
	require.Equal(t, int64(10_000_000), f.balance(customer))
	require.Contains(t, f.job(res.Job).Reason, "did not start")
}

func TestMissedStartsSuspendForGrowingTimes(t *testing.T) {
	f, _, customer, node := market(t)
	p := types.DefaultParams()
	for i, want := range []uint64{300, 600, 1200} {
		res := f.mustSubmit(submission(customer))
		at := f.ctx.BlockTime().Unix() + int64(p.AcknowledgeSeconds)
		f.pass(int64(p.AcknowledgeSeconds))
		require.Equal(t, at+int64(want), f.load(node).SuspendedUntil, "miss %d of job %s", i+1, res.Job)
		_, err := f.submit(submission(customer))
		require.ErrorIs(t, err, types.ErrNoNodeFits)
		f.report(node)
		f.pass(int64(want) + 1)
		f.report(node)
	}
	res := f.running(submission(customer))
	require.Zero(t, f.load(node).MissedInRow, "a good start forgives")
	require.NotEmpty(t, res.Job)
}

func TestDecline(t *testing.T) {
	f, operator, customer, first := market(t)
	second := f.node(2, operator, offer(3_700_000))
	res := f.mustSubmit(submission(customer))
	decline := func(node, reason string) error {
		_, err := atomically(f, func(ctx sdk.Context) (*types.MsgDeclineJobResponse, error) {
			return f.msg.DeclineJob(ctx, &types.MsgDeclineJob{Node: node, Job: res.Job, Reason: reason})
		})
		return err
	}
	require.ErrorIs(t, decline(first, ""), types.ErrInvalidJob)
	require.ErrorIs(t, decline(second, "not mine"), types.ErrWrongNode)
	require.NoError(t, decline(first, "no disk"))
	require.Equal(t, second, f.job(res.Job).Node)
	require.Equal(t, uint64(1), f.load(first).Reputation.JobsDeclined)
	require.NoError(t, decline(second, "no disk either"))
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(res.Job).Status)
	require.Equal(t, int64(10_000_000), f.balance(customer))
}

func TestMaxAttempts(t *testing.T) {
	f, operator, customer, _ := market(t)
	for i := 2; i <= 5; i++ {
		f.node(i, operator, offer(3_600_000))
	}
	res := f.mustSubmit(submission(customer))
	f.pass(3 * 60)
	job := f.job(res.Job)
	require.Equal(t, types.JOB_STATUS_FAILED, job.Status)
	require.Len(t, job.TriedNodes, 3)
	require.Equal(t, int64(10_000_000), f.balance(customer))
}

func TestCancel(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reach func(*fixture, string, string)
		price int64
		err   error
	}{
		{"success - scheduled", func(*fixture, string, string) {}, 2_500, nil},
		{"success - waiting", func(f *fixture, n, j string) { require.NoError(f.t, f.acknowledge(n, j, false)) }, 2_500, nil},
		{"success - ready", func(f *fixture, n, j string) { require.NoError(f.t, f.acknowledge(n, j, true)) }, 2_500, nil},
		{"success - running pays for chain time", func(f *fixture, n, j string) {
			require.NoError(f.t, f.acknowledge(n, j, true))
			require.NoError(f.t, f.start(n, j))
			f.pass(40)
		}, 40_000, nil},
		{"error - finished", func(f *fixture, n, j string) {
			require.NoError(f.t, f.acknowledge(n, j, true))
			require.NoError(f.t, f.start(n, j))
			require.NoError(f.t, f.finish(n, j, receipt(1)))
		}, 0, types.ErrWrongStatus},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _, customer, node := market(t)
			res := f.mustSubmit(submission(customer))
			tc.reach(f, node, res.Job)
			require.ErrorIs(t, f.cancel(f.account("stranger", 0).String(), res.Job), types.ErrNotCustomer)
			err := f.cancel(customer.String(), res.Job)
			require.ErrorIs(t, err, tc.err)
			if tc.err == nil {
				require.Equal(t, 10_000_000-tc.price, f.balance(customer))
				require.Equal(t, uint32(0), f.load(node).ReservedSlots)
				require.ErrorIs(t, f.cancel(customer.String(), res.Job), types.ErrWrongStatus, "twice")
			}
		})
	}
}

func TestOrderOfMessages(t *testing.T) {
	f, operator, customer, node := market(t)
	other := f.node(2, operator, offer(9_000_000))
	res := f.mustSubmit(submission(customer))
	require.ErrorIs(t, f.start(node, res.Job), types.ErrWrongStatus, "start before the inputs")
	require.ErrorIs(t, f.finish(node, res.Job, receipt(1)), types.ErrWrongStatus, "an early receipt")
	require.ErrorIs(t, f.acknowledge(other, res.Job, true), types.ErrWrongNode)
	require.NoError(t, f.acknowledge(node, res.Job, false))
	require.ErrorIs(t, f.acknowledge(node, res.Job, false), types.ErrWrongStatus, "twice")
	require.NoError(t, f.acknowledge(node, res.Job, true))
	require.NoError(t, f.start(node, res.Job))
	require.ErrorIs(t, f.start(node, res.Job), types.ErrWrongStatus, "twice")
	require.ErrorIs(t, f.finish(other, res.Job, receipt(1)), types.ErrWrongNode, "a receipt by the wrong key")
	require.ErrorIs(t, f.accept(customer.String(), res.Job), types.ErrWrongStatus, "before the receipt")
	require.NoError(t, f.finish(node, res.Job, receipt(1)))
	require.ErrorIs(t, f.finish(node, res.Job, receipt(1)), types.ErrWrongStatus, "a receipt twice")
	require.ErrorIs(t, f.accept(operator.String(), res.Job), types.ErrNotCustomer)
	require.NoError(t, f.accept(customer.String(), res.Job))
	require.ErrorIs(t, f.accept(customer.String(), res.Job), types.ErrWrongStatus, "twice")
}

func TestSubmitBadInput(t *testing.T) {
	f, _, customer, node := market(t)
	huge, ok := math.NewIntFromString("340282366920938463463374607431768211456")
	require.True(t, ok)
	for _, tc := range []struct {
		name   string
		change func(*types.MsgSubmitJob)
		err    error
	}{
		{"error - zero price", func(m *types.MsgSubmitJob) { m.MaxPrice = coin(0) }, types.ErrInvalidAmount},
		{"error - negative price", func(m *types.MsgSubmitJob) { m.MaxPrice.Amount = math.NewInt(-1) }, types.ErrInvalidAmount},
		{"error - overflowing price", func(m *types.MsgSubmitJob) { m.MaxPrice.Amount = huge }, types.ErrInvalidAmount},
		{"error - missing price", func(m *types.MsgSubmitJob) { m.MaxPrice = sdk.Coin{} }, types.ErrInvalidAmount},
		{"error - foreign denomination", func(m *types.MsgSubmitJob) { m.MaxPrice.Denom = "uatom" }, types.ErrInvalidAmount},
		{"error - below the minimum fee", func(m *types.MsgSubmitJob) { m.MaxPrice = coin(4_999) }, types.ErrInvalidAmount},
		{"error - more than the customer has", func(m *types.MsgSubmitJob) { m.MaxPrice = coin(10_000_001) }, nil},
		{"error - empty app", func(m *types.MsgSubmitJob) { m.App = "" }, types.ErrInvalidApp},
		{"error - overlong app", func(m *types.MsgSubmitJob) { m.App = string(make([]byte, 1000)) }, types.ErrInvalidApp},
		{"error - unknown app", func(m *types.MsgSubmitJob) { m.App = "nothing" }, types.ErrAppNotFound},
		{"error - unknown node", func(m *types.MsgSubmitJob) { m.Node = customer.String() }, types.ErrNodeNotFound},
		{"error - malformed node", func(m *types.MsgSubmitJob) { m.Node = "emc1x" }, types.ErrInvalidJob},
		{"error - no time", func(m *types.MsgSubmitJob) { m.MaxSeconds = 0 }, types.ErrInvalidJob},
		{"error - too much time", func(m *types.MsgSubmitJob) { m.MaxSeconds = 1 << 40 }, types.ErrInvalidJob},
		{"error - short digest", func(m *types.MsgSubmitJob) { m.SpecDigest = []byte{1} }, types.ErrInvalidJob},
		{"error - empty digest", func(m *types.MsgSubmitJob) { m.InputsDigest = nil }, types.ErrInvalidJob},
		{"error - access key", func(m *types.MsgSubmitJob) { m.AccessKey = make([]byte, 33) }, types.ErrInvalidKey},
		{"error - region", func(m *types.MsgSubmitJob) { m.Requirements.Region = "germany" }, types.ErrInvalidJob},
		{"error - no node in the region", func(m *types.MsgSubmitJob) { m.Requirements.Region = "FR" }, types.ErrNoNodeFits},
		{"error - named node too small", func(m *types.MsgSubmitJob) { m.Node, m.Requirements.MemoryBytes = node, 1<<50 }, types.ErrNoNodeFits},
		{"error - price of the named node", func(m *types.MsgSubmitJob) { m.Node, m.MaxPrice = node, coin(599_999) }, types.ErrNoNodeFits},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := submission(customer)
			tc.change(m)
			_, err := f.submit(m)
			require.Error(t, err)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
			require.Equal(t, int64(10_000_000), f.balance(customer))
		})
	}
	require.Zero(t, f.mustSubmit(submission(customer)).SlotHourPrice.Amount.Int64()-3_600_000)
}

func TestReceiptBadInput(t *testing.T) {
	f, _, customer, node := market(t)
	res := f.running(submission(customer))
	for name, change := range map[string]func(*types.Receipt){
		"reason": func(r *types.Receipt) { r.Reason = 0 }, "unknown reason": func(r *types.Receipt) { r.Reason = 99 },
		"result": func(r *types.Receipt) { r.ResultDigest = nil }, "log": func(r *types.Receipt) { r.LogDigest = make([]byte, 33) },
	} {
		r := receipt(1)
		change(&r)
		require.ErrorIs(t, f.finish(node, res.Job, r), types.ErrInvalidJob, name)
	}
	require.ErrorIs(t, f.finish(node, "nonsense", receipt(1)), types.ErrInvalidJob)
	require.ErrorIs(t, f.finish(node, types.JobID(customer, 77), receipt(1)), types.ErrJobNotFound)
}

func TestGiftsToEscrowGoToThePool(t *testing.T) {
	f, operator, customer, node := market(t)
	stranger := f.account("stranger", 777)
	res := f.running(submission(customer))
	require.NoError(t, f.bank.SendCoins(f.ctx, stranger, types.JobEscrow(res.Job), sdk.NewCoins(coin(777))))
	require.True(t, f.accounts.HasAccount(f.ctx, types.JobEscrow(res.Job)), "a gift makes one")
	before := f.balance(operator)
	require.NoError(t, f.finish(node, res.Job, receipt(1)))
	require.NoError(t, f.accept(customer.String(), res.Job))
	require.False(t, f.accounts.HasAccount(f.ctx, types.JobEscrow(res.Job)), "a closed escrow leaves none behind")
	require.Equal(t, before+5_000, f.balance(operator))
	require.Equal(t, int64(10_000_000-5_000), f.balance(customer))
	require.Equal(t, int64(1_000_000+777), f.balance(f.accounts.GetModuleAddress(poolModule)), "the app's fee and the gift")
}

func TestFailingHookStopsNothing(t *testing.T) {
	f, _, customer, node := market(t)
	res := f.mustSubmit(submission(customer))
	require.NoError(t, f.acknowledge(node, res.Job, false))
	f.hooks.fail = errors.New("a later module is broken")
	f.pass(int64(types.DefaultParams().InputSeconds))
	require.Equal(t, types.JOB_STATUS_WAITING, f.job(res.Job).Status, "put off, nothing lost")
	require.Equal(t, int64(1_000_000), f.balance(types.JobEscrow(res.Job)))
	f.hooks.fail = nil
	f.pass(3_600)
	require.Equal(t, types.JOB_STATUS_EXPIRED, f.job(res.Job).Status)
}
