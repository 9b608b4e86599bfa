package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// escape sends a guest that tries to read the worker's key. Whatever it does,
// no byte of the key may come out.
func escape(t *testing.T, s *stage, w *rig.Worker) {
	path := filepath.Join(w.Home, "node_key.json")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct {
		Key string `json:"key"`
	}
	require.NoError(t, json.Unmarshal(before, &file))
	require.NotEmpty(t, file.Key)
	secrets := [][]byte{[]byte(file.Key), before[:len(before)/2]}
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if raw, err := decode(file.Key); err == nil {
			secrets = append(secrets, raw, []byte(hex.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw)))
		}
	}
	require.GreaterOrEqual(t, len(secrets), 4, "the key's form is not the one that this test knows")

	o := s.order(w, "escape", path)
	o.Output = filepath.Join(t.TempDir(), "out")
	sum, said, err := s.customer.Run(s.ctx, o)
	require.NoError(t, err)
	require.Equal(t, 0, *sum.ExitCode, "the guest reached something")
	require.Contains(t, said.Err, "nothing was reached")
	outputs, err := rig.Files(sum.OutputDir)
	require.NoError(t, err)
	outputs["the log"] = []byte(said.Err)
	for name, content := range outputs {
		for _, secret := range secrets {
			require.False(t, bytes.Contains(content, secret), "the key is in %s", name)
		}
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "the key is as it was")
	s.check()
}
