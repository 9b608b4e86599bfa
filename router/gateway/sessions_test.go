package gateway_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// custody knows one key and one session.
type custody struct{ made int }

func (c *custody) New() (gateway.SessionKey, error) {
	c.made++
	return gateway.SessionKey{ChainID: "emc-1", Router: "emc1router", PublicKey: []byte{2, 3}, Claim: "secret-claim"}, nil
}

func (c *custody) Claim(_ context.Context, session string, public []byte, claim string) (string, error) {
	if string(public) != "\x02\x03" || claim != "secret-claim" || session != "s1" {
		return "", &gateway.Error{Kind: gateway.SessionGone, Words: "unknown claim"}
	}
	return session, nil
}

// A claim makes a master key of its session, again and again; a wrong one makes none, and only so many are heard.
func TestSessions(t *testing.T) {
	said := &logs{}
	store := &custody{}
	keys, err := apikey.New(apikey.Config{Ledger: ledger.NewMemory(), MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	require.NoError(t, err)
	cfg := gateway.DefaultConfig()
	cfg.FailedKeys = 3
	serve := func(s gateway.Sessions) *httptest.Server {
		g, err := gateway.New(cfg, gateway.Parts{
			Backend: gatewaytest.New(), Keys: keys, Log: slog.New(slog.NewJSONHandler(said, nil)), Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader, Sessions: s,
		})
		require.NoError(t, err)
		server := httptest.NewServer(g)
		t.Cleanup(server.Close)
		return server
	}
	server := serve(store)
	post := func(url, body string, into any) int {
		r, err := http.Post(url, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		defer r.Body.Close()
		if into != nil {
			require.NoError(t, json.NewDecoder(r.Body).Decode(into))
		}
		return r.StatusCode
	}
	var k gateway.SessionKey
	require.Equal(t, 201, post(server.URL+"/emc/v1/sessions", "{}", &k))
	require.Equal(t, "secret-claim", k.Claim)
	claim := `{"public_key":"AgM=","claim":"secret-claim"}`
	for range 2 {
		var made struct {
			Key, Session string
			Master       bool
		}
		require.Equal(t, 201, post(server.URL+"/emc/v1/sessions/s1/claim", claim, &made))
		require.True(t, made.Master)
		require.Equal(t, "s1", made.Session)
		got, err := keys.Authenticate(made.Key)
		require.NoError(t, err)
		require.Equal(t, "s1", got.Session)
		require.NotContains(t, said.String(), made.Key)
	}
	require.Equal(t, 404, post(server.URL+"/emc/v1/sessions/s1/other", claim, nil))
	require.Equal(t, 400, post(server.URL+"/emc/v1/sessions/s1/claim", `{"claim":7}`, nil))
	require.Equal(t, 401, post(server.URL+"/emc/v1/sessions/s2/claim", claim, nil))
	for range 3 {
		post(server.URL+"/emc/v1/sessions/s1/claim", `{"public_key":"AgM=","claim":"guess"}`, nil)
	}
	require.Equal(t, 429, post(server.URL+"/emc/v1/sessions/s1/claim", `{"public_key":"AgM=","claim":"guess"}`, nil))
	made := store.made
	require.Equal(t, 429, post(server.URL+"/emc/v1/sessions", "{}", nil))
	require.Equal(t, made, store.made, "nothing is made for one who asks too often")
	require.Equal(t, 201, post(server.URL+"/emc/v1/sessions/s1/claim", claim, nil), "a right claim passes always")
	require.NotContains(t, said.String(), "secret-claim")

	// Where customers leave no keys there is no such path.
	require.Equal(t, 404, post(serve(nil).URL+"/emc/v1/sessions", "{}", nil))
}
