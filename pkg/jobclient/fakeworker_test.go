package jobclient_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// fakeWorker is a node behind a real transfer server. Its program upper-cases every input into an output of the same
// name. The fields before mu script what goes wrong; they are set before the first job.
type fakeWorker struct {
	chain   *fakeChain
	address string
	// end is the receipt's reason, code the exit code.
	end  string
	code int64
	// lie changes what is handed out after the receipt was made.
	lie func(w *fakeWorker, r *types.Receipt)
	// stall, when not nil, is called instead of taking an input; the upload fails when it returns.
	stall func(ctx context.Context)
	// hold, when not nil, is waited for while the job runs.
	hold chan struct{}
	// wantsApp: the artifact is not here.
	wantsApp bool

	// seal encrypts log and outputs when the job has ended.
	seal bool

	mu        sync.Mutex
	recipient string
	sealedLog []byte
	spec      job.Spec
	have      map[string][]byte
	log       []byte
	result    []byte
	salt      job.Salt
	outputs   map[string][]byte
	started   bool
	known     types.Job
	done      chan struct{}
	free      sync.Once
}

// addWorker registers a node and serves it until the test ends.
func addWorker(t *testing.T, chain *fakeChain, w *fakeWorker) *fakeWorker {
	t.Helper()
	key := secp256k1.GenPrivKey()
	id, err := transfer.HostKey(key.Bytes())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	h, err := transfer.NewHost(ctx, id, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	if w.end == "" {
		w.end = job.ReasonExited
	}
	w.chain, w.address = chain, sdk.AccAddress(key.PubKey().Address()).String()
	w.have, w.outputs, w.done = map[string][]byte{}, map[string][]byte{}, make(chan struct{})
	served := make(chan error, 1)
	go func() { served <- transfer.Serve(ctx, h, w) }()
	t.Cleanup(func() {
		w.release()
		cancel()
		require.NoError(t, <-served)
		require.NoError(t, h.Close())
	})
	addNode(chain, w.address, key.PubKey().Bytes(), transfer.Endpoints(h))
	return w
}

// release lets the held job end, and waits for that when there is one.
func (w *fakeWorker) release() {
	w.free.Do(func() {
		if w.hold != nil {
			close(w.hold)
		}
	})
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if started {
		<-w.done
	}
}

func addNode(chain *fakeChain, address string, pub []byte, endpoints []string) {
	defer chain.lock()()
	chain.nodes = append(chain.nodes, types.Node{
		Address: address, Pubkey: pub, Endpoints: endpoints, Offer: types.Offer{SlotHourPrice: types.Uemc(math.NewInt(360_000))},
	})
}

// addDeadNode registers a node that nobody listens for.
func addDeadNode(chain *fakeChain) string {
	key := secp256k1.GenPrivKey()
	address := sdk.AccAddress(key.PubKey().Address()).String()
	addNode(chain, address, key.PubKey().Bytes(), []string{"/ip4/127.0.0.1/tcp/1"})
	return address
}

func (w *fakeWorker) Authorize(_ context.Context, id string, key transfer.PubKey) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.chain.job(id)
	if j.Id == "" {
		j = w.known // a worker keeps what the chain has forgotten
	}
	w.known = j
	switch {
	case j.Id == "" || j.Node != w.address:
		return transfer.Errorf(transfer.CodeUnknown, "no such job here")
	case !bytes.Equal(j.AccessKey, key[:]):
		return transfer.Errorf(transfer.CodeForbidden, "not your job")
	}
	return nil
}

func (w *fakeWorker) Offer(_ context.Context, id string, spec []byte, salt job.Salt, recipient string) ([]transfer.Want, error) {
	j := w.chain.job(id)
	s, err := job.VerifySpec(spec, salt, job.Digest(j.SpecDigest), job.Digest(j.InputsDigest))
	if err != nil {
		return nil, transfer.Errorf(transfer.CodeMismatch, "%v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spec, w.recipient = s, recipient
	var wants []transfer.Want
	for _, in := range s.Inputs {
		if _, ok := w.have[in.SHA256]; !ok {
			wants = append(wants, transfer.Want{SHA256: in.SHA256, Size: in.Size})
		}
	}
	if _, ok := w.have[s.AppDigest]; w.wantsApp && !ok {
		wants = append(wants, transfer.Want{SHA256: s.AppDigest, Size: -1})
	}
	if len(wants) == 0 && !w.started {
		w.started = true
		go w.run(id)
	}
	return wants, nil
}

func (w *fakeWorker) Put(ctx context.Context, _, sum string, _, _ int64) (transfer.BlobWriter, error) {
	if w.stall != nil {
		w.stall(ctx)
		return nil, transfer.Errorf(transfer.CodeConflict, "stalled")
	}
	return &fakeBlob{w: w, sum: sum}, nil
}

type fakeBlob struct {
	bytes.Buffer
	w   *fakeWorker
	sum string
}

func (b *fakeBlob) Commit() error {
	if sum := sha256.Sum256(b.Bytes()); hex.EncodeToString(sum[:]) != b.sum {
		return transfer.Errorf(transfer.CodeMismatch, "other bytes than %s", b.sum)
	}
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.have[b.sum] = b.Bytes()
	return nil
}

func (b *fakeBlob) Close() error { return nil }

// run plays the node's part on the chain.
func (w *fakeWorker) run(id string) {
	defer close(w.done)
	w.chain.change(id, func(j *types.Job) { j.Status = types.JOB_STATUS_RUNNING })
	w.write("working\n")
	if w.hold != nil {
		<-w.hold
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, "done\n"...)
	logSum := sha256.Sum256(w.log)
	r := job.Result{
		Version: job.ResultVersion, ChainID: chainID, JobID: id, Reason: w.end, ExitCode: w.code,
		LogSize: int64(len(w.log)), LogSHA256: hex.EncodeToString(logSum[:]), WallMillis: 1500,
	}
	for _, in := range w.spec.Inputs {
		out := bytes.ToUpper(w.have[in.SHA256])
		s := transfer.BytesSource(out)
		w.outputs[s.SHA256] = out
		r.Outputs = append(r.Outputs, s.File(in.Path))
	}
	data, err := job.MarshalResult(r)
	if err != nil {
		panic(err)
	}
	w.result, w.salt = data, job.Salt{1, 2, 3}
	receipt := &types.Receipt{
		Reason:   types.ExitReason(types.ExitReason_value["EXIT_REASON_"+strings.ToUpper(w.end)]),
		ExitCode: int32(w.code), ResultDigest: job.Salted(job.ResultDigest(data), w.salt).Bytes(), LogDigest: logSum[:],
		Usage: types.Usage{WallMilliseconds: 1500},
	}
	if w.seal {
		w.sealAll()
	}
	if w.lie != nil {
		w.lie(w, receipt)
	}
	w.chain.change(id, func(j *types.Job) {
		j.Status, j.Receipt, j.Paid = types.JOB_STATUS_FINISHED, receipt, types.Uemc(math.NewInt(5_000))
	})
}

func (w *fakeWorker) sealAll() {
	to, err := age.ParseX25519Recipient(w.recipient)
	if err != nil {
		panic(err)
	}
	sealed := func(plain []byte) []byte {
		var out bytes.Buffer
		s, err := age.Encrypt(&out, to)
		if err == nil {
			_, err = s.Write(plain)
		}
		if err = errors.Join(err, s.Close()); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
	for sum, plain := range w.outputs {
		w.outputs[sum] = sealed(plain)
	}
	w.sealedLog = sealed(w.log)
}

func (w *fakeWorker) write(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, s...)
}

func (w *fakeWorker) Status(context.Context, string) (transfer.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return transfer.Status{Phase: transfer.PhaseRunning, Message: "all is well", LogBytes: int64(len(w.log))}, nil
}

// fakeLog reads the log and, with follow, waits for its end.
type fakeLog struct {
	ctx    context.Context
	w      *fakeWorker
	offset int64
	follow bool
	ended  bool
}

func (w *fakeWorker) Log(ctx context.Context, _ string, offset int64, follow bool) (transfer.LogReader, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealedLog != nil {
		return nil, transfer.Errorf(transfer.CodeSealed, "encrypted")
	}
	return &fakeLog{ctx: ctx, w: w, offset: offset, follow: follow}, nil
}

func (l *fakeLog) Read(p []byte) (int, error) {
	if n := l.copy(p); n > 0 {
		return n, nil
	}
	if !l.follow {
		return 0, io.EOF
	}
	select {
	case <-l.ctx.Done():
		return 0, l.ctx.Err()
	case <-l.w.done:
		l.ended = true
	}
	if n := l.copy(p); n > 0 {
		return n, nil
	}
	return 0, io.EOF
}

func (l *fakeLog) copy(p []byte) int {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	n := copy(p, l.w.log[min(l.offset, int64(len(l.w.log))):])
	l.offset += int64(n)
	return n
}

func (l *fakeLog) Complete() bool { return l.ended }
func (l *fakeLog) Close() error   { return nil }

func (w *fakeWorker) Result(context.Context, string) ([]byte, job.Salt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.result == nil {
		return nil, job.Salt{}, transfer.Errorf(transfer.CodeNotReady, "not yet")
	}
	return w.result, w.salt, nil
}

func (w *fakeWorker) Get(_ context.Context, _, sum string, offset int64) (transfer.Blob, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, ok := w.outputs[sum]
	if !ok {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeUnknown, "no such output")
	}
	return transfer.Blob{ReadCloser: io.NopCloser(bytes.NewReader(out[offset:])), Size: int64(len(out)), Sealed: w.seal}, nil
}

func (w *fakeWorker) SealedLog(_ context.Context, _ string, offset int64) (transfer.Blob, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return transfer.Blob{ReadCloser: io.NopCloser(bytes.NewReader(w.sealedLog[offset:])), Size: int64(len(w.sealedLog)), Sealed: true}, nil
}
