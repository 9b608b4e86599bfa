package jobclient_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
)

// Bad input is refused in words before anything is written or sent.
func TestBadInput(t *testing.T) {
	coin := func(n int64, denom string) *sdk.Coin { return &sdk.Coin{Denom: denom, Amount: math.NewInt(n)} }
	for _, test := range []struct {
		name  string
		edit  func(*fixture, *jobclient.Request)
		words string
	}{
		{"no app", func(_ *fixture, r *jobclient.Request) { r.App = "" }, "--app"},
		{"unknown app", func(_ *fixture, r *jobclient.Request) { r.App = "lower" }, "not found"},
		{"a service", func(f *fixture, _ *jobclient.Request) { f.chain.app.Interface = types.INTERFACE_HTTP }, "takes calls, not jobs"},
		{"missing input", func(_ *fixture, r *jobclient.Request) { r.Inputs[0].File = "/does/not/exist" }, "no such file"},
		{"a directory as input", func(f *fixture, r *jobclient.Request) { r.Inputs[0].File = f.dir }, "regular file"},
		{"twice the same name", func(_ *fixture, r *jobclient.Request) { r.Inputs[1].Name = r.Inputs[0].Name }, "two inputs"},
		{"name that leaves /in", func(_ *fixture, r *jobclient.Request) { r.Inputs[0].Name = "../a" }, "give it another name"},
		{"file and directory of one name", func(_ *fixture, r *jobclient.Request) { r.Inputs[0].Name = "sub" }, "directory"},
		{"no time", func(_ *fixture, r *jobclient.Request) { r.MaxTime = 0 }, "--max-time"},
		{"part of a second", func(_ *fixture, r *jobclient.Request) { r.MaxTime = 1500 * time.Millisecond }, "whole seconds"},
		{"longer than the network allows", func(f *fixture, _ *jobclient.Request) { f.chain.params.MaxJobSeconds = 5 }, "longer than the network allows"},
		{"price of zero", func(_ *fixture, r *jobclient.Request) { r.MaxPrice = coin(0, "uemc") }, "more than zero"},
		{"foreign price", func(_ *fixture, r *jobclient.Request) { r.MaxPrice = coin(5, "uatom") }, "in EMC"},
		{"overflowing price", func(_ *fixture, r *jobclient.Request) { r.MaxPrice = coin(1<<62, "uemc") }, "at most"},
		{"price below the minimum", func(_ *fixture, r *jobclient.Request) { r.MaxPrice = coin(1, "uemc") }, "minimum fee of a job, 0.005 EMC"},
		{"price below every quote", func(_ *fixture, r *jobclient.Request) { r.MaxPrice = coin(5_500, "uemc") }, "nothing was submitted"},
		{"too little memory", func(_ *fixture, r *jobclient.Request) { r.Limits.MemoryBytes = 5 }, "memory_bytes"},
		{"negative outputs", func(_ *fixture, r *jobclient.Request) { r.Limits.OutputFiles = -1 }, "output_files"},
		{"overlong argument", func(_ *fixture, r *jobclient.Request) { r.Args = []string{strings.Repeat("x", 9000)} }, "argument 0"},
		{"variable without a value", func(_ *fixture, r *jobclient.Request) { r.Env = []string{"KEY"} }, "KEY=VALUE"},
		{"no address", func(_ *fixture, r *jobclient.Request) { r.Node = "emc1xyz" }, "--worker"},
		{"bad region", func(_ *fixture, r *jobclient.Request) { r.Requirements.Region = "Germany" }, "ISO 3166"},
		{"output is a file", func(f *fixture, r *jobclient.Request) { r.OutputDir = f.file("taken", "") }, "is a file"},
		{"another artifact", func(f *fixture, r *jobclient.Request) { r.AppFile = f.file("x.wasm", "no") }, "is registered with"},
		{"empty wallet", func(f *fixture, _ *jobclient.Request) { f.chain.balance = 0 }, "has 0 EMC; the job holds 0.006 EMC"},
		{"nothing left for fees", func(f *fixture, _ *jobclient.Request) { f.chain.balance = 6_000 }, "plus about 0.002 EMC of fees"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			addDeadNode(f.chain)
			r := f.request()
			test.edit(f, &r)
			_, err := f.client.Run(f.ctx, r, jobclient.Options{})
			require.ErrorContains(t, err, test.words)
			require.Equal(t, 1, jobclient.ExitCode(err))
			require.Empty(t, f.chain.messages())
			require.NoDirExists(t, filepath.Join(f.dir, "jobs"))
			require.NoDirExists(t, f.out())
		})
	}
}

func TestQuoteAndRefusalByTheCustomerWriteNothing(t *testing.T) {
	f := newFixture(t)
	addDeadNode(f.chain)
	q, err := f.client.Quote(f.ctx, f.request())
	require.NoError(t, err)
	require.Equal(t, "6000uemc", q.Most.String())
	_, err = f.client.Run(f.ctx, f.request(), jobclient.Options{Confirm: func() error { return os.ErrClosed }})
	require.ErrorIs(t, err, os.ErrClosed)
	require.Empty(t, f.chain.messages())
	require.NoDirExists(t, filepath.Join(f.dir, "jobs"))
}

func TestQuoteShowsWhatPowerCosts(t *testing.T) {
	f := newFixture(t)
	addDeadNode(f.chain)
	r := f.request()
	show := func() string {
		q, err := f.client.Quote(f.ctx, r)
		require.NoError(t, err)
		said := f.words.String()
		f.client.ShowQuote(q, 60, true)
		return f.words.String()[len(said):]
	}
	words := show()
	require.Contains(t, words, "an hour (cheapest by slot-hour price).\n")
	require.NotContains(t, words, "one E", "no power is proven")

	n := &f.chain.nodes[0]
	n.Power, n.Offer.Slots, n.Offer.SlotHourPrice = 1_000_000, 4, types.Uemc(math.NewInt(360_000))
	words = show()
	require.Contains(t, words, "\n       0.25 E a slot, 1.44 EMC for one E for one hour.\n")
	require.Contains(t, words, n.Address+"  at most 0.006 EMC  0.25 E a slot, 1.44 EMC for one E for one hour  fits and would get the job now")
	r.Requirements.MinSlotPower = 250_001
	require.Contains(t, show(), "No node fits", "the requirement reaches the chain")
}

func TestParseInputs(t *testing.T) {
	f := newFixture(t)
	a := f.file("a.txt", "a")
	odd := f.file("x=y", "odd")
	require.NoError(t, os.MkdirAll(filepath.Join(f.dir, "d", "e"), 0o755))
	f.file("d/1", "1")
	f.file("d/e/2", "2")
	d := filepath.Join(f.dir, "d")
	for _, test := range []struct {
		values []string
		want   []jobclient.Input
	}{
		{nil, nil},
		{[]string{a}, []jobclient.Input{{Name: "a.txt", File: a}}},
		{[]string{"b=" + a}, []jobclient.Input{{Name: "b", File: a}}},
		{[]string{odd}, []jobclient.Input{{Name: "x=y", File: odd}}},
		{[]string{d}, []jobclient.Input{{Name: "1", File: d + "/1"}, {Name: "e/2", File: d + "/e/2"}}},
		{[]string{"n=" + d}, []jobclient.Input{{Name: "n/1", File: d + "/1"}, {Name: "n/e/2", File: d + "/e/2"}}},
	} {
		got, err := jobclient.ParseInputs(test.values)
		require.NoError(t, err, test.values)
		require.Equal(t, test.want, got, test.values)
	}
	for _, bad := range []string{"/no/such/file", "n=/no/such/file", "=" + a, "n="} {
		_, err := jobclient.ParseInputs([]string{bad})
		require.Error(t, err, bad)
	}
}

func TestExistingFilesAreNeverOverwritten(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	require.NoError(t, os.MkdirAll(f.out(), 0o755))
	f.file("out/a.txt", "mine")
	_, err := f.run()
	require.ErrorContains(t, err, "choose another directory with --output")
	require.Equal(t, "SubmitJob", f.chain.kinds())
	got, err := os.ReadFile(filepath.Join(f.out(), "a.txt"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))

	other := filepath.Join(f.dir, "other")
	_, err = f.client.Attach(f.ctx, f.record(), jobclient.Options{OutputDir: other})
	require.NoError(t, err, f.words)
	require.FileExists(t, filepath.Join(other, "a.txt"))
}

// A symbolic link in the customer's directory must not let a worker write elsewhere.
func TestOutputsDoNotFollowLinks(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	outside := t.TempDir()
	require.NoError(t, os.MkdirAll(f.out(), 0o755))
	require.NoError(t, os.Symlink(outside, filepath.Join(f.out(), "sub")))
	_, err := f.run()
	require.Error(t, err)
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}
