package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFields: whatever a customer sends is read or refused in words, and what is read is what any reader of JSON finds there.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{"model":"a","messages":[]}`, `{"model":"a","messages":[],"n":1e2,"max_tokens":3.0,"stream":null}`, `{"model":"\u0061","messages":[[{}]],"stream":true}`, `[`, `{"a":`} {
		f.Add([]byte(seed), "application/json")
	}
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=model\r\n\r\na\r\n--b--\r\n"), "multipart/form-data; boundary=b")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		e, _ := endpointOf("/v1/chat/completions")
		got, err := e.read(http.Header{"Content-Type": {kind}}, body)
		if err != nil {
			failure := explain(err)
			require.Equal(t, http.StatusBadRequest, failure.status)
			require.True(t, json.Valid(failure.body()))
			return
		}
		require.NotEmpty(t, got.model)
		require.NotZero(t, got.bound(1))
		if kind == "application/json" {
			var all map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(body, &all))
			var model string
			require.NoError(t, json.Unmarshal(all["model"], &model))
			require.Equal(t, model, got.model)
		}
	})
}
