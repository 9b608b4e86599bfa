package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// handmade is a job submitted without the client.
type handmade struct {
	id     string
	spec   []byte
	salt   job.Salt
	access []byte
	input  transfer.Source
}

// submitByHand types `emcd tx compute submit-job` for a job with one input.
func submitByHand(t *testing.T, s *stage, w *rig.Worker, content []byte) handmade {
	t.Helper()
	salt, err := job.NewSalt(rand.Reader)
	require.NoError(t, err)
	access, pub, err := transfer.NewAccessKey()
	require.NoError(t, err)
	digest, err := rig.Digest(s.program.file)
	require.NoError(t, err)
	h := handmade{salt: salt, access: access, input: transfer.BytesSource(content)}
	spec := job.Spec{
		Version: job.SpecVersion, ChainID: s.net.ChainID, App: s.program.app, AppDigest: digest, Args: []string{"echo", "x"}, Env: []string{},
		Inputs: []job.File{h.input.File("data")}, Limits: job.DefaultLimits(), MaxSeconds: 30,
	}
	h.spec, err = job.MarshalSpec(spec)
	require.NoError(t, err)
	inputs, err := job.InputsDigest(salt, spec.Inputs)
	require.NoError(t, err)
	b64 := base64.StdEncoding.EncodeToString
	known, err := s.net.CustomerJobs(s.ctx, s.customer.Address, 0)
	require.NoError(t, err)
	_, err = s.net.Tx(s.ctx, s.customer.Key, "compute", "submit-job", s.program.app, "--node-address", w.Address,
		"--max-seconds", strconv.FormatInt(spec.MaxSeconds, 10), "--max-price", "0.01emc",
		"--spec-digest", b64(job.SpecDigest(salt, h.spec).Bytes()), "--inputs-digest", b64(inputs.Bytes()), "--access-key", b64(pub[:]))
	require.NoError(t, err)
	jobs, err := s.net.CustomerJobs(s.ctx, s.customer.Address, 0)
	require.NoError(t, err)
	require.Len(t, jobs, len(known)+1)
	h.id = jobs[0].ID // newest first
	return h
}

// dial connects to the job's worker with the job's own key.
func (h handmade) dial(t *testing.T, s *stage, w *rig.Worker) *transfer.Client {
	t.Helper()
	key, err := transfer.HostKey(h.access)
	require.NoError(t, err)
	host, err := transfer.NewHost(s.ctx, key, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = host.Close() })
	n, err := s.net.Node(s.ctx, w.Address)
	require.NoError(t, err)
	pub, err := transfer.PubKeyFromBytes(n.Pubkey)
	require.NoError(t, err)
	c, err := transfer.Dial(s.ctx, host, transfer.Target{Node: pub, Endpoints: n.Endpoints, JobID: h.id}, transfer.WithPatience(5*time.Second))
	require.NoError(t, err)
	return c
}

// liar sends bytes that do not match their digest: they are refused in words,
// wiped, and the customer who never sends the right ones pays the reservation fee.
func liar(t *testing.T, s *stage, w *rig.Worker) {
	truth, lie := []byte("what was promised"), []byte("what was not-said")
	require.Len(t, lie, len(truth))
	h := submitByHand(t, s, w, truth)
	c := h.dial(t, s, w)

	artifact, err := transfer.FileSource(s.program.file)
	require.NoError(t, err)
	lying := h.input
	lying.Open = func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(lie)}, nil }
	err = c.Upload(s.ctx, h.spec, h.salt, []transfer.Source{artifact, lying}, nil)
	require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, h.input.SHA256, "the words name the digest")
	s.check()
	require.NoError(t, filepath.WalkDir(filepath.Join(w.Home, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		require.False(t, bytes.Contains(content, lie), "the lie was kept in %s", path)
		return err
	}))

	j, err := s.net.WaitClosed(s.ctx, h.id, patience)
	require.NoError(t, err)
	require.Equal(t, rig.Expired, j.Status, j.Reason)
	require.EqualValues(t, reservationFee, j.Paid.Amount)
	s.check()
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
