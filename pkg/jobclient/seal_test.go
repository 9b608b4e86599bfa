package jobclient_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
)

// A worker that keeps log and outputs encrypted to the customer is a worker like any other to him.
func TestRunOnAWorkerThatEncrypts(t *testing.T) {
	f := newFixture(t)
	w := addWorker(t, f.chain, &fakeWorker{seal: true})
	s, err := f.run()
	require.NoError(t, err, f.words)
	f.requireOutputs()
	require.True(t, s.Verified)
	require.Equal(t, "working\ndone\n", f.log.String())
	require.NotContains(t, string(w.sealedLog), "working")

	// The record alone, as after a restart or on a colleague's machine, is enough to read everything again.
	require.NoError(t, os.RemoveAll(f.out()))
	require.NoError(t, os.Remove(filepath.Join(f.dir, "jobs", s.Job, "log")))
	again := f.newClient()
	rec := f.record()
	_, err = again.Fetch(f.ctx, rec, f.out())
	require.NoError(t, err, f.words)
	f.requireOutputs()
}

func TestRunNeverAcceptsWhatCannotBeDecrypted(t *testing.T) {
	for name, spoil := range map[string]func(*fakeWorker){
		"output": func(w *fakeWorker) {
			for _, out := range w.outputs {
				out[len(out)-1] ^= 1
			}
		},
		"log": func(w *fakeWorker) { w.sealedLog[len(w.sealedLog)-1] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			addWorker(t, f.chain, &fakeWorker{seal: true, lie: func(w *fakeWorker, _ *types.Receipt) { spoil(w) }})
			_, err := f.run()
			require.ErrorIs(t, err, jobclient.ErrUnverified, f.words)
			require.ErrorContains(t, err, "cannot be decrypted with this job's key")
			require.Equal(t, 5, jobclient.ExitCode(err))
			require.Equal(t, "SubmitJob", f.chain.kinds(), "it is not accepted")
			require.Contains(t, f.words.String(), "DO NOT USE THIS RESULT")
		})
	}
}
