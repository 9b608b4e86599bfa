package jobclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// funded is a session whose node and price are those of a socket.
func (f *fixture) funded(node string, free int64) jobclient.Request {
	price := types.Uemc(math.NewInt(3_600_000))
	f.chain.session = &markettypes.QuerySessionResponse{
		Session: markettypes.Session{
			Id: "s1", Node: node, Source: "socket/s0", SlotHourPrice: &price, Status: markettypes.SESSION_STATUS_OPEN,
		},
		State: "is open", Free: types.Uemc(math.NewInt(free)),
	}
	r := f.request()
	r.Session = "s1"
	return r
}

// A socket's session brings node and price with it: the chain is not asked who fits, as its slot is sold already.
func TestASessionPays(t *testing.T) {
	f := newFixture(t)
	w := addWorker(t, f.chain, &fakeWorker{})
	f.chain.balance = 3 * fee // for the fees alone
	r := f.funded(w.address, 60_000)
	q, err := f.client.Quote(f.ctx, r)
	require.NoError(t, err)
	require.Equal(t, w.address, q.Node)
	require.Equal(t, int64(60_000), q.Most.Amount.Int64(), "a minute of 3.6 EMC an hour")
	require.Empty(t, q.Candidates)

	s, err := f.client.Run(f.ctx, r, jobclient.Options{})
	require.NoError(t, err, f.words.String())
	require.True(t, s.Verified)
	f.requireOutputs()
	sent, ok := f.chain.messages()[0].(*markettypes.MsgSubmitSessionJob)
	require.True(t, ok)
	require.Equal(t, "s1", sent.Session)
	require.Contains(t, f.words.String(), "the node of socket/s0")
}

func TestWhatASessionCannotPay(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(f *fixture, r *jobclient.Request)
		words  string
	}{
		"too little free": {func(f *fixture, _ *jobclient.Request) { f.chain.session.Free = types.Uemc(math.NewInt(59_999)) }, "has 0.059999 EMC free; the job holds 0.06 EMC"},
		"closing": {func(f *fixture, _ *jobclient.Request) {
			f.chain.session.Session.Status = markettypes.SESSION_STATUS_CLOSING
		}, "plug the socket in again"},
		"another node": {func(f *fixture, r *jobclient.Request) { r.Node = f.chain.customer }, "pays node"},
		"unknown":      {func(_ *fixture, r *jobclient.Request) { r.Session = "s2" }, "not found"},
		"no fees":      {func(f *fixture, _ *jobclient.Request) { f.chain.balance = 1 }, "of fees: send coins there"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			w := addWorker(t, f.chain, &fakeWorker{})
			r := f.funded(w.address, 60_000)
			tc.change(f, &r)
			_, err := f.client.Run(f.ctx, r, jobclient.Options{})
			require.ErrorContains(t, err, tc.words)
			require.Empty(t, f.chain.messages(), "nothing was sent")
			records, _ := f.client.Store.List()
			require.Empty(t, records)
		})
	}
}
