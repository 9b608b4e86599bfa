package gateway_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/apikey"
)

type shownKey struct {
	Object, ID, Session, Name, Key string
	Limit, Spent, Reserved         uint64
	PerCall                        uint64 `json:"per_call"`
	MaxConcurrent                  uint32 `json:"max_concurrent"`
	Master                         bool
	ExpiresAt                      *int64 `json:"expires_at"`
	RevokedAt                      *int64 `json:"revoked_at"`
}

func TestManage(t *testing.T) {
	s := newSite(t, nil)
	master := []string{"Authorization", "Bearer " + s.master}
	expires := time.Now().Add(time.Hour).Unix()
	body, err := json.Marshal(map[string]any{"name": "web", "limit": 500, "per_call": 200, "max_concurrent": 2, "expires_at": expires})
	require.NoError(t, err)
	r := s.do("POST", "/emc/v1/keys", string(body), master...)
	require.Equal(t, 201, r.StatusCode, r.body)
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	var k shownKey
	require.NoError(t, json.Unmarshal([]byte(r.body), &k))
	require.Equal(t, shownKey{Object: "emc.key", ID: k.ID, Session: "session-1", Name: "web", Key: k.Key, Limit: 500, PerCall: 200, MaxConcurrent: 2, ExpiresAt: &expires}, k)
	own := []string{"Authorization", "Bearer " + k.Key}
	require.Equal(t, 200, s.chat(hello, own...).StatusCode)
	s.spent(k.ID)

	var usage shownKey
	r = s.do("GET", "/emc/v1/usage", "", own...)
	require.NoError(t, json.Unmarshal([]byte(r.body), &usage))
	require.Equal(t, []uint64{500, 7, 0}, []uint64{usage.Limit, usage.Spent, usage.Reserved})
	require.Empty(t, usage.Key)

	r = s.do("POST", "/emc/v1/keys/"+k.ID+"/limit", `{"limit":50}`, master...)
	require.Equal(t, 200, r.StatusCode, r.body)
	s.requireError(s.chat(hello, own...), 429, "insufficient_quota", "insufficient_quota", "")

	var all struct {
		Object string
		Data   []shownKey
	}
	r = s.do("GET", "/emc/v1/keys", "", master...)
	require.NoError(t, json.Unmarshal([]byte(r.body), &all))
	require.Len(t, all.Data, 3)
	require.NotContains(t, r.body, apikey.Prefix)

	r = s.do("DELETE", "/emc/v1/keys/"+k.ID, "", master...)
	require.Equal(t, 200, r.StatusCode)
	require.NoError(t, json.Unmarshal([]byte(r.body), &k))
	require.NotNil(t, k.RevokedAt)
	s.requireError(s.chat(hello, own...), 401, "invalid_request_error", "invalid_api_key", "")
}

// Only the session's own master key manages, and what it says is read strictly.
func TestManageRefuses(t *testing.T) {
	s := newSite(t, nil)
	_, foreign, err := s.keys.Create(apikey.Key{Session: "session-2", Master: true})
	require.NoError(t, err)
	for _, c := range [][2]string{{"POST", "/emc/v1/keys"}, {"GET", "/emc/v1/keys"}, {"POST", "/emc/v1/keys/" + s.key.ID + "/limit"}, {"DELETE", "/emc/v1/keys/" + s.key.ID}} {
		s.requireError(s.do(c[0], c[1], `{"limit":0}`), 403, "invalid_request_error", "insufficient_permissions", "")
	}
	for _, c := range [][2]string{{"POST", "/emc/v1/keys/" + s.key.ID + "/limit"}, {"DELETE", "/emc/v1/keys/" + s.key.ID}, {"DELETE", "/emc/v1/keys/key-none"}} {
		s.requireError(s.do(c[0], c[1], `{"limit":0}`, "Authorization", "Bearer "+foreign), 404, "invalid_request_error", "key_not_found", "")
	}
	master := []string{"Authorization", "Bearer " + s.master}
	for _, body := range []string{"", "{", `{"limt":5}`, `{"limit":-5}`, `{"limit":1.5}`, `{"limit":"5"}`, `{"master":true}`, `{"expires_at":1}`, `{"name":"a\u0000"}`, `{} {}`} {
		s.requireError(s.do("POST", "/emc/v1/keys", body, master...), 400, "invalid_request_error", "", "")
	}
	s.requireError(s.do("POST", "/emc/v1/keys/"+s.key.ID+"/limit", `{}`, master...), 400, "invalid_request_error", "missing_required_parameter", "limit")
	s.requireError(s.do("GET", "/emc/v1/keys/"+s.key.ID, "", master...), 405, "invalid_request_error", "method_not_supported", "")
	s.requireError(s.do("DELETE", "/emc/v1/usage", "", master...), 405, "invalid_request_error", "method_not_supported", "")
	k, err := s.keys.Get(s.key.ID)
	require.NoError(t, err)
	require.Equal(t, s.key.Limit, k.Limit)
	require.True(t, k.RevokedAt.IsZero())
}
