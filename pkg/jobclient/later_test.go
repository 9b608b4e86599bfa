package jobclient_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
)

// The job has left the chain's state, and its worker the world: what was here stays readable.
func TestLogsAndFetchAfterTheJobIsGone(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	s, err := f.run()
	require.NoError(t, err)
	delete(f.chain.jobs, s.Job)
	rec, err := f.client.Store.Load(s.Job)
	require.NoError(t, err)

	f.log.b.Reset()
	require.NoError(t, f.newClient().Logs(f.ctx, rec, true))
	require.Equal(t, "working\ndone\n", f.log.String())

	require.NoError(t, os.RemoveAll(f.out()))
	_, err = f.newClient().Fetch(f.ctx, rec, "")
	require.NoError(t, err, f.words)
	f.requireOutputs()

	status, err := f.client.Status(f.ctx, s.Job[:8])
	require.NoError(t, err)
	require.Nil(t, status.Job)
	require.Contains(t, strings.Join(status.Lines(), "\n"), "has no record of it any more; it was completed")

	f.chain.nodes[0].Endpoints = []string{"/ip4/127.0.0.1/tcp/1"}
	rec, err = f.client.Store.Load(s.Job)
	require.NoError(t, err)
	f.log.b.Reset()
	require.NoError(t, f.newClient().Logs(f.ctx, rec, true))
	require.Equal(t, "working\ndone\n", f.log.String())
	require.Contains(t, f.words.String(), "the copy on this machine")
}

func TestSubmitStatusCancel(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
	s, err := f.client.Submit(f.ctx, f.request(), jobclient.Options{})
	require.NoError(t, err, f.words)
	require.Equal(t, "SubmitJob", f.chain.kinds())
	require.NoDirExists(t, f.out())

	status, err := f.client.Status(f.ctx, s.Job[:8])
	require.NoError(t, err)
	lines := strings.Join(status.Lines(), "\n")
	require.Contains(t, lines, "running")
	require.Contains(t, lines, "all is well")

	_, err = f.client.Cancel(f.ctx, s.Job)
	require.NoError(t, err)
	require.Equal(t, types.JOB_STATUS_CANCELLED, f.chain.job(s.Job).Status)
	_, err = f.client.Cancel(f.ctx, s.Job)
	require.ErrorContains(t, err, "was cancelled already")
	_, err = f.client.Fetch(f.ctx, f.record(), "")
	require.ErrorContains(t, err, "nothing to fetch")
}

func TestStore(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	s, err := f.run()
	require.NoError(t, err)
	store := f.client.Store
	_, err = store.Load(s.Job[:3])
	require.ErrorContains(t, err, "at least the first 4")
	_, err = store.Load("ffff" + s.Job)
	require.ErrorIs(t, err, jobclient.ErrUnknownJob)
	_, err = store.Load("new-")
	require.ErrorIs(t, err, jobclient.ErrUnknownJob)

	// A folder that was named and not yet written again keeps its id by its name.
	path := filepath.Join(f.dir, "jobs", s.Job, "job.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(data), `"id": "`+s.Job+`"`, `"id": ""`, 1)), 0o600))
	rec, err := store.Load(s.Job)
	require.NoError(t, err)
	require.Equal(t, s.Job, rec.ID)
	require.Error(t, store.Drop(rec), "a job on the chain keeps its folder")

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, problems := store.List()
	require.Len(t, problems, 1, "a damaged folder hides no other")
}
