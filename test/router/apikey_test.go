package router

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// program makes an API key that can spend so much with the master key, and calls with it from now on.
func (s *site) program(limit string) (master string) {
	s.Helper()
	master = s.key
	out := s.apiKey(master, "create", "program", "--limit", limit)
	s.key = told(out, "API key ")
	require.NotEmpty(s, s.key, out)
	return master
}

// spent is what each key is told to have spent, by its name, uemc.
func (s *site) spent(master string) map[string]int64 {
	s.Helper()
	var keys []struct {
		Name  string `json:"name"`
		Spent int64  `json:"spent"`
	}
	require.NoError(s, json.Unmarshal([]byte(s.apiKey(master, "list", "--json")), &keys))
	out := map[string]int64{}
	for _, k := range keys {
		out[k.Name] += k.Spent
	}
	return out
}

// apiKey runs `emcd session api-key` as the owner of a master key.
func (s *site) apiKey(master string, args ...string) string {
	s.Helper()
	env := []string{"OPENAI_BASE_URL=" + s.router.URL, "OPENAI_API_KEY=" + master}
	answer, err := rig.Command(s.ctx, "", env, s.net.Bin.Emcd(), append([]string{"session", "api-key"}, args...)...)
	require.NoError(s, err)
	return answer.Out
}
