package cmd

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is asked of the router, word for word: test/router asks a real one.
func TestAPIKeyCommands(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body)
		if r.URL.Path == "/emc/v1/keys/other" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"message":"Your session has no such API key."}}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"abc","key":"sk-emc-new","limit":2500000,"spent":7,"data":[{"id":"abc","name":"web","spent":1500000,"limit":2000000,"master":true}]}`)
	}))
	t.Cleanup(server.Close)
	run := func(args ...string) (string, error) {
		cmd := apiKeyCmd()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(args)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	_, err := run("list")
	require.ErrorContains(t, err, "emcd session open")
	t.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
	t.Setenv("OPENAI_API_KEY", "sk-emc-master")

	out, err := run("create", "web", "--limit", "2emc", "--per-call", "10000uemc", "--concurrent", "3")
	require.NoError(t, err)
	require.Equal(t, `POST /emc/v1/keys Bearer sk-emc-master {"limit":2000000,"max_concurrent":3,"name":"web","per_call":10000}`, got)
	require.Contains(t, out, "sk-emc-new")
	out, err = run("list")
	require.NoError(t, err)
	require.Equal(t, "GET /emc/v1/keys Bearer sk-emc-master ", got)
	require.Contains(t, out, "1.5 EMC")
	require.Contains(t, out, "master")
	out, err = run("limit", "abc", "2.5emc")
	require.NoError(t, err)
	require.Equal(t, `POST /emc/v1/keys/abc/limit Bearer sk-emc-master {"limit":2500000}`, got)
	require.Contains(t, out, "2.5 EMC")
	_, err = run("revoke", "abc")
	require.NoError(t, err)
	require.Equal(t, "DELETE /emc/v1/keys/abc Bearer sk-emc-master ", got)
	_, err = run("revoke", "other")
	require.EqualError(t, err, "Your session has no such API key.")

	got = ""
	for _, bad := range [][]string{{"create", "web", "--limit", "2"}, {"create", "web", "--per-call", "0emc"}, {"limit", "abc", "-1emc"}, {"create"}} {
		_, err := run(bad...)
		require.Error(t, err, bad)
	}
	require.Empty(t, got, "nothing is asked for what is wrong")
}
