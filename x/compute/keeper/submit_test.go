package keeper_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"

	"github.com/edgematrix/emc/pkg/escrow"
	"github.com/edgematrix/emc/x/compute/types"
)

// deal is an escrow of another module, without an account, that holds 5 EMC.
func (f *fixture) deal() sdk.AccAddress {
	f.t.Helper()
	deal := sdk.AccAddress(address.Module("market", []byte("session"), []byte("1")))
	from := f.account("depositor", 5_000_000)
	require.NoError(f.t, f.bank.SendCoins(escrow.To(f.ctx, deal), from, deal, sdk.NewCoins(coin(5_000_000))))
	return deal
}

func (f *fixture) submitFor(m *types.MsgSubmitJob, payer sdk.AccAddress) (*types.MsgSubmitJobResponse, error) {
	f.t.Helper()
	return atomically(f, func(ctx sdk.Context) (*types.MsgSubmitJobResponse, error) {
		return f.k.SubmitJobFor(ctx, m, types.Deal{Payer: payer})
	})
}

// Whichever way a job ends, its payer gets the rest, its customer nothing, and
// no account is made.
func TestSubmitJobFor(t *testing.T) {
	for _, tc := range []struct {
		name   string
		end    func(f *fixture, customer sdk.AccAddress, node, job string)
		status types.JobStatus
		paid   int64
	}{
		{"success - accepted", func(f *fixture, customer sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			f.pass(100)
			require.NoError(f.t, f.finish(node, job, receipt(90)))
			require.NoError(f.t, f.accept(customer.String(), job))
		}, types.JOB_STATUS_COMPLETED, 90_000},
		{"success - paid when the customer is gone", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			require.NoError(f.t, f.finish(node, job, receipt(0)))
			f.pass(3600)
		}, types.JOB_STATUS_COMPLETED, 5_000},
		{"success - cancelled", func(f *fixture, customer sdk.AccAddress, _, job string) {
			require.NoError(f.t, f.cancel(customer.String(), job))
		}, types.JOB_STATUS_CANCELLED, 2_500},
		{"success - never started", func(f *fixture, _ sdk.AccAddress, _, _ string) { f.pass(60) }, types.JOB_STATUS_FAILED, 0},
		{"success - never fed", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, false))
			f.pass(1800)
		}, types.JOB_STATUS_EXPIRED, 2_500},
		{"success - the worker failed", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			r := receipt(1)
			r.Reason = types.EXIT_REASON_WORKER
			require.NoError(f.t, f.finish(node, job, r))
		}, types.JOB_STATUS_FAILED, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, operator, customer, node := market(t)
			deal := f.deal()
			earned := f.balance(operator)
			res, err := f.submitFor(submission(customer), deal)
			require.NoError(t, err)
			require.Equal(t, node, res.Node)
			require.Equal(t, int64(4_000_000), f.balance(deal))
			require.Equal(t, int64(1_000_000), f.balance(types.JobEscrow(res.Job)))
			require.Equal(t, types.JobID(customer, 0), res.Job, "the customer's own numbers")
			require.Equal(t, []*types.EventJobScheduled{{Job: res.Job, Node: node, Customer: customer.String(), Attempt: 1}}, told[*types.EventJobScheduled](f))
			require.Equal(t, deal.String(), f.job(res.Job).Payer)

			tc.end(f, customer, node, res.Job)
			require.Len(t, f.hooks.closed, 1)
			j := f.hooks.closed[0]
			require.Equal(t, tc.status, j.Status)
			require.Equal(t, deal.String(), j.Payer, "the payer's module is told")
			require.Equal(t, coin(tc.paid), j.Paid)
			require.Equal(t, coin(1_000_000-tc.paid), j.Refunded)
			require.Equal(t, earned+tc.paid, f.balance(operator))
			require.Equal(t, 5_000_000-tc.paid, f.balance(deal))
			require.Equal(t, int64(10_000_000), f.balance(customer))
			require.False(t, f.accounts.HasAccount(f.ctx, deal), "a refund makes no account")
			closed := told[*types.EventJobClosed](f)
			require.Len(t, closed, 1)
			require.Equal(t, coin(1_000_000-tc.paid).String(), closed[0].Refunded)
			require.NotContains(t, closed[0].Reason, "customer is refunded")
		})
	}
}

// A deal that has put all it holds into a job is refunded all the same.
func TestSubmitJobForWholeDeal(t *testing.T) {
	f, _, customer, _ := market(t)
	deal := f.deal()
	m := submission(customer)
	m.MaxPrice = coin(5_000_000)
	res, err := f.submitFor(m, deal)
	require.NoError(t, err)
	require.Zero(t, f.balance(deal))
	require.NoError(t, f.cancel(customer.String(), res.Job))
	require.Equal(t, int64(5_000_000-2_500), f.balance(deal))
	require.False(t, f.accounts.HasAccount(f.ctx, deal))
}

func TestSubmitJobForBadInput(t *testing.T) {
	f, _, customer, _ := market(t)
	deal := f.deal()
	for _, tc := range []struct {
		name   string
		payer  sdk.AccAddress
		change func(*types.MsgSubmitJob)
		err    error
	}{
		{"error - no payer", nil, func(*types.MsgSubmitJob) {}, types.ErrInvalidJob},
		{"error - customer", deal, func(m *types.MsgSubmitJob) { m.Customer = "nobody" }, types.ErrInvalidJob},
		{"error - the message's own checks", deal, func(m *types.MsgSubmitJob) { m.MaxSeconds = 0 }, types.ErrInvalidJob},
		{"error - unknown app", deal, func(m *types.MsgSubmitJob) { m.App = "nothing" }, types.ErrAppNotFound},
		{"error - no node fits", deal, func(m *types.MsgSubmitJob) { m.Requirements.Region = "FR" }, types.ErrNoNodeFits},
		{"error - more than the deal has", deal, func(m *types.MsgSubmitJob) { m.MaxPrice = coin(5_000_001) }, nil},
		{"error - a poor payer, a rich customer", sdk.AccAddress(bytes.Repeat([]byte{9}, 20)), func(*types.MsgSubmitJob) {}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := submission(customer)
			tc.change(m)
			_, err := f.submitFor(m, tc.payer)
			require.Error(t, err)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			} else {
				require.ErrorContains(t, err, "maximum price")
			}
			require.Equal(t, int64(5_000_000), f.balance(deal))
			require.Equal(t, int64(10_000_000), f.balance(customer))
			require.Empty(t, told[*types.EventJobScheduled](f))
		})
	}
	require.Empty(t, f.job(f.mustSubmit(submission(customer)).Job).Payer, "a customer who pays himself")
}
