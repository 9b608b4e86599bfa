package wallets

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a browser asks before it lets a page talk to a node. js/browser.mjs asks
// the same before all that the wallet sends.
func (s *site) testCORS(t *testing.T) {
	for _, c := range []struct{ name, method, url, asks string }{
		{"RPC, read", http.MethodGet, s.net.RPC + "/status", ""},
		{"RPC, may I send", http.MethodOptions, s.net.RPC, http.MethodPost},
		{"REST, read", http.MethodGet, s.net.REST + "/cosmos/base/tendermint/v1beta1/node_info", ""},
		{"REST, may I send", http.MethodOptions, s.net.REST + "/cosmos/tx/v1beta1/txs", http.MethodPost},
		{"REST, may I simulate", http.MethodOptions, s.net.REST + "/cosmos/tx/v1beta1/simulate", http.MethodPost},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
			require.NoError(t, err)
			request.Header.Set("Origin", origin)
			if c.asks != "" {
				request.Header.Set("Access-Control-Request-Method", c.asks)
				request.Header.Set("Access-Control-Request-Headers", "content-type")
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Less(t, response.StatusCode, 300)
			require.Contains(t, []string{"*", origin}, response.Header.Get("Access-Control-Allow-Origin"))
			if c.asks != "" {
				require.Contains(t, strings.ToLower(response.Header.Get("Access-Control-Allow-Headers")), "content-type")
			}
		})
	}
}
