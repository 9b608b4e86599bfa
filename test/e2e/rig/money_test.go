package rig

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ledger is a chain's answers, with the sums that a test may get wrong.
type ledger struct {
	supply, minted, slashed, stakes, escrow, reserved, paid, unbonding int64
	status                                                             string
	source, socket                                                     string // the job's, and the status of the node's socket s1
}

var sound = ledger{supply: 1000, stakes: 70, unbonding: 20, escrow: 60, reserved: 1, status: Running}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	job := fmt.Sprintf(`{"id":"j1","source":"`+l.source+`","node":"n1","customer":"c1","status":%q,"max_price":{"amount":"60"},"paid":{"amount":"%d"},"refunded":{"amount":"50"}}`, l.status, l.paid)
	answers := map[string]string{
		"/cosmos/auth/v1beta1/params":                   `{}`,
		"/cosmos/auth/v1beta1/module_accounts/compute":  `{"account":{"base_account":{"address":"stakes"}}}`,
		"/cosmos/bank/v1beta1/supply/by_denom":          fmt.Sprintf(`{"amount":{"amount":"%d"}}`, l.supply),
		"/cosmos/bank/v1beta1/balances/stakes/by_denom": fmt.Sprintf(`{"balance":{"amount":"%d"}}`, l.stakes),
		"/emc/compute/v1/customers/c1/jobs":             `{"jobs":[` + job + `]}`,
		"/emc/compute/v1/jobs/j1":                       fmt.Sprintf(`{"job":%s,"escrow_balance":{"amount":"%d"}}`, job, l.escrow),
		"/emc/compute/v1/nodes":                         fmt.Sprintf(`{"nodes":[{"node":{"address":"n1","stake":"50","reserved_slots":%d,"offer":{"slots":1}}}]}`, l.reserved),
		"/emc/compute/v1/nodes/n1/slashes":              fmt.Sprintf(`{"slashes":[{"amount":"%d"}]}`, l.slashed),
		"/emc/poc/v1/emission":                          fmt.Sprintf(`{"emission":{"minted":"%d"}}`, l.minted),
		"/emc/compute/v1/nodes/n1/unbondings":           fmt.Sprintf(`{"unbondings":[{"amount":"%d"}]}`, l.unbonding),
		"/emc/compute/v1/nodes/n1/jobs":                 `{"jobs":[` + job + `]}`,
		"/emc/socket/v1/nodes/n1/sockets":               `{"sockets":[]}`,
	}
	if l.socket != "" {
		answers["/emc/socket/v1/nodes/n1/sockets"] = `{"sockets":[{"socket":{"id":"s1","slots":1,"deadline":"9","status":"` + l.socket + `"}}]}`
	}
	if body, ok := answers[r.URL.Path]; ok {
		w.Header().Set("Grpc-Metadata-X-Cosmos-Block-Height", "7")
		_, _ = w.Write([]byte(body))
		return
	}
	http.NotFound(w, r)
}

// The checker finds what is wrong: a test of the tests.
func TestMoney(t *testing.T) {
	for _, tc := range []struct {
		name  string
		wrong func(*ledger)
		says  string
	}{
		{"success", func(*ledger) {}, ""},
		{"success - issued for proofs", func(l *ledger) { l.supply, l.minted = l.supply+5, l.minted+5 }, ""},
		{"success - slashed", func(l *ledger) { l.supply, l.stakes, l.unbonding, l.slashed = l.supply-5, l.stakes-5, l.unbonding-5, 5 }, ""},
		{"error - issued and not there", func(l *ledger) { l.minted += 5 }, "supply"},
		{"error - slashed and still there", func(l *ledger) { l.slashed = 5 }, "supply"},
		{"error - minted", func(l *ledger) { l.supply++ }, "supply"},
		{"error - burned", func(l *ledger) { l.supply-- }, "supply"},
		{"error - stake missing", func(l *ledger) { l.stakes-- }, "stake account"},
		{"error - stake of nobody", func(l *ledger) { l.stakes++ }, "stake account"},
		{"error - unbonding twice", func(l *ledger) { l.unbonding += 20 }, "stake account"},
		{"error - escrow short", func(l *ledger) { l.escrow-- }, "owes"},
		{"error - slot leaked", func(l *ledger) { l.status, l.paid = Completed, 10 }, "reserved"},
		{"error - slot sold twice", func(l *ledger) { l.reserved = 0 }, "reserved"},
		{"success - a job out of a socket", func(l *ledger) { l.source, l.socket = "socket/s1", "SOCKET_STATUS_PLUGGED" }, ""},
		{"success - its socket has ended", func(l *ledger) { l.source, l.socket = "socket/s1", "SOCKET_STATUS_SETTLED" }, ""},
		{"error - a socket's slot for another's job", func(l *ledger) { l.source, l.socket = "", "SOCKET_STATUS_PLUGGED" }, "2 slots, and 1 of 1 reserved"},
		{"error - paid too much", func(l *ledger) { l.status, l.paid, l.reserved = Completed, 11, 0 }, "paid 11"},
		{"success - closed", func(l *ledger) { l.status, l.paid, l.reserved = Completed, 10, 0 }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := sound
			server := httptest.NewServer(&l)
			t.Cleanup(server.Close)
			m, err := NewMoney(t.Context(), &Network{Info: Info{REST: server.URL}})
			require.NoError(t, err)
			m.Watch("c1")
			tc.wrong(&l)
			err = m.Check(t.Context())
			if tc.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A job that was closed must not change any more: that would be a second payment.
func TestClosedTwice(t *testing.T) {
	l := sound
	l.status, l.paid, l.reserved, l.escrow = Failed, 10, 0, 0
	server := httptest.NewServer(&l)
	t.Cleanup(server.Close)
	m, err := NewMoney(t.Context(), &Network{Info: Info{REST: server.URL}})
	require.NoError(t, err)
	m.Watch("c1")
	require.NoError(t, m.Settled(t.Context()))
	l.escrow = 1
	require.ErrorContains(t, m.Settled(t.Context()), "still holds")
	l.escrow, l.status = 0, Completed
	err = m.Check(t.Context())
	require.Error(t, err)
	require.True(t, strings.Contains(err.Error(), "was closed as failed"), err)
}
