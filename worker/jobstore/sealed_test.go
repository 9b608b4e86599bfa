package jobstore_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
)

// What a job must leave nowhere once it has been sealed.
var (
	secretInput  = []byte("the input nobody else may read")
	secretOutput = []byte("the output nobody else may read")
	secretLine   = "the line of log nobody else may read\n"
	secretArg    = "--token=that-nobody-else-may-read"
)

func sealedWork(t *testing.T, n byte) *work {
	t.Helper()
	w := newWork(t, n, map[string][]byte{"in": secretInput}, func(s *job.Spec) { s.Args = []string{secretArg} })
	w.recipient = w.identity(t).Recipient().String()
	return w
}

func (w *work) identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := transfer.Identity(w.priv)
	require.NoError(t, err)
	return id
}

// found says which secrets stand in any file below dir, but for the artifacts of apps.
func found(t *testing.T, dir string) (out []string) {
	t.Helper()
	secrets := map[string][]byte{"input": secretInput, "output": secretOutput, "log": []byte(secretLine), "argument": []byte(secretArg)}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went just now
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for name, secret := range secrets {
			if bytes.Contains(data, secret) {
				out = append(out, name+" in "+path)
			}
		}
		return err
	}))
	return out
}

// finish runs a submitted job to its end, with two outputs of the same bytes, one of none, and one of several chunks.
func (w *work) finish(t *testing.T, c *chain, s *jobstore.Store) {
	t.Helper()
	w.submit(t, c)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	_, err = s.Finish(w.id, w.execute(t, task, outputs(), secretLine))
	require.NoError(t, err)
}

func outputs() map[string][]byte {
	return map[string][]byte{"a": secretOutput, "sub/again": secretOutput, "none": {}, "large": bytes.Repeat(secretOutput, 5000)}
}

// plainOf is an output as the customer has it in the end.
func (w *work) plainOf(t *testing.T, b transfer.Blob) []byte {
	t.Helper()
	defer b.Close()
	r := io.Reader(b)
	if b.Sealed {
		var err error
		r, err = age.Decrypt(b, w.identity(t))
		require.NoError(t, err)
	}
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

// readable checks that log and outputs can be had, in whatever form.
func (w *work) readable(t *testing.T, s *jobstore.Store) {
	t.Helper()
	for _, data := range outputs() {
		b, err := s.Get(t.Context(), w.id, sum(data), 0)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, w.plainOf(t, b)))
	}
	w.readableLog(t, s)
}

func (w *work) readableLog(t *testing.T, s *jobstore.Store) {
	t.Helper()
	st, err := s.Status(t.Context(), w.id)
	require.NoError(t, err)
	require.Equal(t, int64(len(secretLine)), st.LogBytes)
	r, err := s.Log(t.Context(), w.id, 0, true)
	if code(err) == transfer.CodeSealed {
		b, err := s.SealedLog(t.Context(), w.id, 0)
		require.NoError(t, err)
		require.True(t, b.Sealed)
		require.Equal(t, secretLine, string(w.plainOf(t, b)))
		return
	}
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, secretLine, string(data))
}
