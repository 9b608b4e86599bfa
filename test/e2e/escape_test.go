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
	k := keyOf(t, w)
	o := s.order(w, "escape", k.path)
	o.Output = filepath.Join(t.TempDir(), "out")
	sum, said, err := s.customer.Run(s.ctx, o)
	require.NoError(t, err)
	require.Equal(t, 0, *sum.ExitCode, "the guest reached something")
	require.Contains(t, said.Err, "nothing was reached")
	k.kept(t, sum.OutputDir, said.Err)
	s.check()
}

// nodeKey is the secret on a worker's machine.
type nodeKey struct {
	path    string
	content []byte
	forms   [][]byte
}

func keyOf(t *testing.T, w *rig.Worker) nodeKey {
	t.Helper()
	k := nodeKey{path: filepath.Join(w.Home, "node_key.json")}
	var err error
	k.content, err = os.ReadFile(k.path)
	require.NoError(t, err)
	var file struct {
		Key string `json:"key"`
	}
	require.NoError(t, json.Unmarshal(k.content, &file))
	require.NotEmpty(t, file.Key)
	k.forms = [][]byte{[]byte(file.Key), k.content[:len(k.content)/2]}
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if raw, err := decode(file.Key); err == nil {
			k.forms = append(k.forms, raw, []byte(hex.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw)))
		}
	}
	require.GreaterOrEqual(t, len(k.forms), 4, "the key's form is not the one that this test knows")
	return k
}

// kept checks that the key is in none of what came out of a job, and as it was.
func (k nodeKey) kept(t *testing.T, outputs, log string) {
	t.Helper()
	files, err := rig.Files(outputs)
	require.NoError(t, err)
	files["the log"] = []byte(log)
	for name, content := range files {
		for _, form := range k.forms {
			require.False(t, bytes.Contains(content, form), "the key is in %s", name)
		}
	}
	after, err := os.ReadFile(k.path)
	require.NoError(t, err)
	require.Equal(t, k.content, after, "the key is as it was")
}
