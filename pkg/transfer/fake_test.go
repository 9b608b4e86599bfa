package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// memory is a Backend that keeps one job in memory.
type memory struct {
	jobID string
	owner transfer.PubKey

	mu       sync.Mutex
	wants    map[string]int64 // blob → size
	blobs    map[string][]byte
	offers   int
	puts     []int64 // offsets
	status   transfer.Status
	result   []byte
	log      []byte
	logDone  bool
	logMoved chan struct{}
	endless  bool  // Get answers without an end
	fail     error // of Offer

	recipient string
	sealed    map[string][]byte // age files of blobs, and of the log under its name
	sealing   func()            // called after an answer of Get, to change what the next one finds
}

func newMemory(jobID string, owner transfer.PubKey) *memory {
	return &memory{jobID: jobID, owner: owner, wants: map[string]int64{}, blobs: map[string][]byte{}, logMoved: make(chan struct{})}
}

func (m *memory) Authorize(_ context.Context, jobID string, key transfer.PubKey) error {
	if jobID != m.jobID {
		return transfer.Errorf(transfer.CodeUnknown, "no such job")
	}
	if key != m.owner {
		return transfer.Errorf(transfer.CodeForbidden, "not yours")
	}
	return nil
}

func (m *memory) Offer(_ context.Context, _ string, _ []byte, _ job.Salt, recipient string) ([]transfer.Want, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offers++
	m.recipient = recipient
	if m.fail != nil {
		return nil, m.fail
	}
	var out []transfer.Want
	for sum, size := range m.wants {
		if have := int64(len(m.blobs[sum])); have < size || size == 0 && m.blobs[sum] == nil {
			out = append(out, transfer.Want{SHA256: sum, Size: size, Offset: have})
		}
	}
	return out, nil
}

type memoryWriter struct {
	m   *memory
	sum string
}

func (m *memory) Put(_ context.Context, _, sum string, size, offset int64) (transfer.BlobWriter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	want, ok := m.wants[sum]
	if !ok {
		return nil, transfer.Errorf(transfer.CodeUnknown, "not wanted")
	}
	if size > want {
		return nil, transfer.Errorf(transfer.CodeTooLarge, "declared %d bytes", want)
	}
	if offset > int64(len(m.blobs[sum])) {
		return nil, transfer.Errorf(transfer.CodeConflict, "have %d", len(m.blobs[sum]))
	}
	m.puts = append(m.puts, offset)
	m.blobs[sum] = append([]byte{}, m.blobs[sum][:offset]...)
	return memoryWriter{m, sum}, nil
}

func (w memoryWriter) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.m.blobs[w.sum] = append(w.m.blobs[w.sum], p...)
	return len(p), nil
}

func (w memoryWriter) Commit() error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if got := sha256.Sum256(w.m.blobs[w.sum]); hex.EncodeToString(got[:]) != w.sum {
		delete(w.m.blobs, w.sum)
		return transfer.Errorf(transfer.CodeMismatch, "expected %s, got %x", w.sum, got)
	}
	return nil
}

func (w memoryWriter) Close() error { return nil }

// set changes what the backend answers, while the server may be reading it.
func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *memory) Status(context.Context, string) (transfer.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status, nil
}

func (m *memory) Result(context.Context, string) ([]byte, job.Salt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.result == nil {
		return nil, job.Salt{}, transfer.Errorf(transfer.CodeNotReady, "not finished")
	}
	return m.result, job.Salt{1, 2, 3}, nil
}

func (m *memory) Get(_ context.Context, _, sum string, offset int64) (transfer.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealing != nil {
		defer m.sealing()
	}
	data, ok := m.blobs[sum]
	if !ok {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeUnknown, "no output %s", sum)
	}
	m.puts = append(m.puts, offset)
	if m.endless {
		return transfer.Blob{ReadCloser: io.NopCloser(zeros{}), Size: 1 << 40, Sealed: m.sealed != nil}, nil
	}
	age, sealed := m.sealed[sum]
	if sealed {
		data = age
	}
	return blob(data, offset, sealed)
}

func blob(data []byte, offset int64, sealed bool) (transfer.Blob, error) {
	if offset > int64(len(data)) {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeInvalid, "%d bytes, asked from %d", len(data), offset)
	}
	return transfer.Blob{ReadCloser: io.NopCloser(bytes.NewReader(data[offset:])), Size: int64(len(data)), Sealed: sealed}, nil
}

func (m *memory) SealedLog(_ context.Context, _ string, offset int64) (transfer.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts = append(m.puts, offset)
	return blob(m.sealed["log"], offset, true)
}

func (m *memory) setLog(text string, done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log, m.logDone = []byte(text), done
	close(m.logMoved)
	m.logMoved = make(chan struct{})
}

type memoryLog struct {
	ctx      context.Context
	m        *memory
	off      int64
	follow   bool
	complete bool
}

func (m *memory) Log(ctx context.Context, _ string, offset int64, follow bool) (transfer.LogReader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealed["log"] != nil {
		return nil, transfer.Errorf(transfer.CodeSealed, "encrypted")
	}
	return &memoryLog{ctx: ctx, m: m, off: offset, follow: follow}, nil
}

func (l *memoryLog) Read(p []byte) (int, error) {
	for {
		l.m.mu.Lock()
		data, done, moved := l.m.log, l.m.logDone, l.m.logMoved
		l.m.mu.Unlock()
		if l.off < int64(len(data)) {
			n := copy(p, data[l.off:])
			l.off += int64(n)
			return n, nil
		}
		if done || !l.follow {
			l.complete = done
			return 0, io.EOF
		}
		select {
		case <-moved:
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		}
	}
}

func (l *memoryLog) Complete() bool { return l.complete }
func (l *memoryLog) Close() error   { return nil }

var _ transfer.Backend = (*memory)(nil)

func sumOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
