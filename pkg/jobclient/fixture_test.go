package jobclient_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/app/params" // the emc address prefix
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// buffer is a writer that the test may read meanwhile.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type fixture struct {
	t          *testing.T
	ctx        context.Context
	chain      *fakeChain
	client     *jobclient.Client
	words, log *buffer
	dir        string // holds jobs/, the inputs and out/
}

var artifact = []byte("a program")

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	f := &fixture{t: t, ctx: ctx, words: &buffer{}, log: &buffer{}, dir: t.TempDir()}
	f.chain = &fakeChain{
		customer: sdk.AccAddress(secp256k1.GenPrivKey().PubKey().Address()).String(),
		params:   types.DefaultParams(), jobs: map[string]types.Job{}, balance: 10_000_000,
		app: types.App{Id: "upper", Runtime: "wasm", Digest: transfer.BytesSource(artifact).SHA256, Interface: types.INTERFACE_BATCH},
	}
	f.client = f.newClient()
	return f
}

// newClient is another start of the program in the same home.
func (f *fixture) newClient() *jobclient.Client {
	c := jobclient.New(f.chain, f.chain, jobclient.NewStore(filepath.Join(f.dir, "jobs")), &jobclient.Console{Words: f.words, Log: f.log})
	c.Poll, c.Patience, c.Linger, c.Grace = 10*time.Millisecond, 500*time.Millisecond, 5*time.Second, 500*time.Millisecond
	return c
}

func (f *fixture) file(name, content string) string {
	path := filepath.Join(f.dir, name)
	require.NoError(f.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (f *fixture) request() jobclient.Request {
	return jobclient.Request{
		App: "upper", Args: []string{"--loud"}, Inputs: []jobclient.Input{{Name: "a.txt", File: f.file("a", "first")}, {Name: "sub/b.txt", File: f.file("b", "second")}},
		Limits: job.DefaultLimits(), MaxTime: time.Minute, OutputDir: f.out(),
	}
}

func (f *fixture) out() string { return filepath.Join(f.dir, "out") }

func (f *fixture) run() (jobclient.Summary, error) {
	return f.client.Run(f.ctx, f.request(), jobclient.Options{})
}

func (f *fixture) requireOutputs() {
	f.t.Helper()
	for name, want := range map[string]string{"a.txt": "FIRST", "sub/b.txt": "SECOND"} {
		got, err := os.ReadFile(filepath.Join(f.out(), name))
		require.NoError(f.t, err)
		require.Equal(f.t, want, string(got))
	}
	require.NoDirExists(f.t, filepath.Join(f.out(), ".unverified"))
}

// eventually waits for words of the client.
func (f *fixture) eventually(words string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return strings.Contains(f.words.String()+f.log.String(), words) }, 10*time.Second, 5*time.Millisecond, words)
}

func (f *fixture) record() *jobclient.Record {
	f.t.Helper()
	records, problems := f.client.Store.List()
	require.Empty(f.t, problems)
	require.Len(f.t, records, 1)
	return records[0]
}
