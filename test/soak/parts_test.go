package soak

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A process that still stands in a folder of the worker's is seen, and nobody
// else's.
func TestLeftovers(t *testing.T) {
	home := filepath.Join(t.TempDir(), "worker")
	scratch, beside := filepath.Join(home, "scratch"), home+"-of-another"
	for _, dir := range []string{scratch, beside} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	l := &lane{worker: &rig.Worker{Home: home}}
	other, err := rig.Launch("", nil, beside, "sleep", "60")
	require.NoError(t, err)
	t.Cleanup(other.Kill)
	require.Empty(t, l.leftovers())
	child, err := rig.Launch("", nil, scratch, "sleep", "61")
	require.NoError(t, err)
	require.Len(t, l.leftovers(), 1)
	child.Kill()
	require.NoError(t, l.clean(t.Context()))
}

// The ledger finds out who paid what in which block, also for a transaction
// that failed, and reads each block once.
func TestLedger(t *testing.T) {
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.String()]++
		switch r.URL.Path + r.URL.Query().Get("height") {
		case "/block2": // base64 of ".MsgSubmitReceipt job1" and of ".MsgStartJob job1"
			fmt.Fprint(w, `{"result":{"block":{"data":{"txs":["Lk1zZ1N1Ym1pdFJlY2VpcHQgam9iMQ==","Lk1zZ1N0YXJ0Sm9iIGpvYjE="]}}}}`)
		case "/block_results2":
			event := `{"type":"tx","attributes":[{"key":"fee","value":"%duemc"},{"key":"fee_payer","value":"emc1a"}]}`
			fmt.Fprintf(w, `{"result":{"txs_results":[{"code":0,"events":[`+event+`]},{"code":5,"events":[`+event+`]}]}}`, 7, 11)
		default:
			fmt.Fprint(w, `{"result":{"block":{"data":{"txs":[]}}}}`)
		}
	}))
	t.Cleanup(server.Close)
	n, l := &rig.Network{Info: rig.Info{RPC: server.URL}}, newLedger()
	for range 2 {
		got, err := l.between(t.Context(), n, "emc1a", 1, 3)
		require.NoError(t, err)
		require.EqualValues(t, 18, fees(got))
		require.Equal(t, 1, wasted(got))
		require.Equal(t, 1, count(got, "SubmitReceipt", "job1"))
		require.Zero(t, count(got, "SubmitReceipt", "job2"))
		require.Zero(t, count(got, "StartJob", "job1"), "one that failed counts for nothing")
	}
	none, err := l.between(t.Context(), n, "emc1a", 2, 3)
	require.NoError(t, err)
	require.Empty(t, none)
	for url, times := range asked {
		require.Equal(t, 1, times, url)
	}
}

// The network's outages count only as far as they fall into a schedule.
func TestOutages(t *testing.T) {
	c, at := &chain{}, func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	c.outages = []outage{{at(0), at(10)}, {at(20), at(30)}, {at(40), at(50)}}
	require.EqualValues(t, 0, c.away(at(10), at(20)))
	require.EqualValues(t, 5+10+2, c.away(at(5), at(42)).Seconds())
	require.EqualValues(t, 1, c.away(at(22), at(23)).Seconds())
}
