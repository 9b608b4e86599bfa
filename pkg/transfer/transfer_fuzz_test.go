package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/job"
)

// tape is a stream whose peer has said everything already. Methods that nobody should call are nil.
type tape struct {
	network.Stream
	from peer.ID
	in   bytes.Reader
	out  bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error)       { return t.in.Read(p) }
func (t *tape) Write(p []byte) (int, error)      { return t.out.Write(p) }
func (t *tape) SetReadDeadline(time.Time) error  { return nil }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }
func (t *tape) Close() error                     { return nil }
func (t *tape) Reset() error                     { return nil }
func (t *tape) Conn() network.Conn               { return tapeConn{from: t.from} }

type tapeConn struct {
	network.Conn
	from peer.ID
}

func (c tapeConn) RemotePeer() peer.ID { return c.from }

type tapeHost struct{ host.Host }

func (tapeHost) ConnManager() connmgr.ConnManager { return connmgr.NullConnMgr{} }

// strict is a backend that holds the server to what Backend promises its implementations.
type strict struct {
	t     *testing.T
	owner PubKey
	asked bool
}

const fuzzJob = "000102030405060708090a0b0c0d0e0f"

func (b *strict) check(ok bool, format string, args ...any) {
	if !ok {
		b.t.Errorf("the backend was asked for "+format, args...)
	}
}

func (b *strict) Authorize(_ context.Context, id string, key PubKey) error {
	b.check(job.CheckID(id) == nil, "the job %q", id)
	if id != fuzzJob || key != b.owner {
		return Errorf(CodeUnknown, "no such job")
	}
	b.asked = true
	return nil
}

func (b *strict) Offer(_ context.Context, id string, spec []byte, _ job.Salt, recipient string) ([]Want, error) {
	b.check(checkRecipient(recipient) == nil, "a recipient %q", recipient)
	b.check(b.asked && id == fuzzJob, "the offer of %q", id)
	b.check(len(spec) > 0 && len(spec) <= job.MaxSpecBytes, "a specification of %d bytes", len(spec))
	return []Want{{SHA256: strings.Repeat("ab", 32), Size: -1}}, nil
}

func (b *strict) blob(id, sum string, offset int64) {
	_, err := job.ParseDigest(sum)
	b.check(b.asked && id == fuzzJob && err == nil && offset >= 0, "the blob %q of %q from %d", sum, id, offset)
}

func (b *strict) Put(_ context.Context, id, sum string, size, offset int64) (BlobWriter, error) {
	b.blob(id, sum, offset)
	b.check(size >= offset && size <= job.MaxFileBytes, "a blob of %d bytes from %d", size, offset)
	return &strictWriter{b: b, left: size - offset}, nil
}

type strictWriter struct {
	b    *strict
	left int64
}

func (w *strictWriter) Write(p []byte) (int, error) {
	w.left -= int64(len(p))
	w.b.check(w.left >= 0, "more bytes than the blob has")
	return len(p), nil
}

func (w *strictWriter) Commit() error {
	w.b.check(w.left == 0, "the end of a blob that lacks %d bytes", w.left)
	return nil
}
func (w *strictWriter) Close() error { return nil }

func (b *strict) Status(_ context.Context, id string) (Status, error) {
	b.check(b.asked && id == fuzzJob, "the status of %q", id)
	return Status{Phase: PhaseReady}, nil
}

func (b *strict) Log(_ context.Context, id string, offset int64, _ bool) (LogReader, error) {
	b.check(b.asked && id == fuzzJob && offset >= 0, "the log of %q from %d", id, offset)
	return strictLog{strings.NewReader("one line\n")}, nil
}

type strictLog struct{ io.Reader }

func (strictLog) Close() error   { return nil }
func (strictLog) Complete() bool { return true }

func (b *strict) Result(_ context.Context, id string) ([]byte, job.Salt, error) {
	b.check(b.asked && id == fuzzJob, "the result of %q", id)
	return nil, job.Salt{}, fmt.Errorf("open %s: a path of the worker", secretPath)
}

func (b *strict) Get(_ context.Context, id, sum string, offset int64) (Blob, error) {
	b.blob(id, sum, offset)
	const have = 10
	if offset > have {
		return Blob{}, Errorf(CodeInvalid, "too far")
	}
	return Blob{ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", int(have-offset)))), Size: have}, nil
}

func (b *strict) SealedLog(_ context.Context, id string, offset int64) (Blob, error) {
	b.check(b.asked && id == fuzzJob && offset >= 0, "the sealed log of %q from %d", id, offset)
	return Blob{}, Errorf(CodeNotReady, "it is not encrypted")
}

const secretPath = "/var/lib/secret"

func frame(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// FuzzServer feeds a worker what a peer may send. The backend is only ever asked for what its contract allows, the answer
// is one well-formed frame, and nothing of the machine stands in it.
func FuzzServer(f *testing.F) {
	sum := strings.Repeat("ab", 32)
	for _, r := range []request{
		{Verb: verbOffer, Job: fuzzJob, Size: 4}, {Verb: verbOffer, Job: fuzzJob, Size: 1 << 40}, {Verb: verbStatus, Job: fuzzJob},
		{Verb: verbPut, Job: fuzzJob, SHA256: sum, Size: 4}, {Verb: verbPut, Job: fuzzJob, SHA256: sum, Size: 4, Offset: 5},
		{Verb: verbPut, Job: fuzzJob, SHA256: "../x", Size: 4}, {Verb: verbLogs, Job: fuzzJob, Follow: true}, {Verb: verbLogs, Job: fuzzJob, Offset: -1},
		{Verb: verbResult, Job: fuzzJob}, {Verb: verbGet, Job: fuzzJob, SHA256: sum, Offset: 3}, {Verb: verbSealed, Job: fuzzJob, Offset: 3}, {Verb: verbSealed, Job: fuzzJob, Offset: -1},
		{Verb: verbOffer, Job: fuzzJob, Size: 1, Recipient: "age1qqqqqq"}, {Verb: verbGet, Job: fuzzJob, SHA256: sum, Offset: 99},
		{Verb: verbStatus, Job: "../../../../../../../../etc/passw"}, {Verb: "shutdown", Job: fuzzJob}, {},
	} {
		f.Add(append(frame(r), "1234 and more"...), true)
		f.Add(frame(r), false)
	}
	for _, raw := range [][]byte{nil, {0, 0, 0, 0}, {255, 255, 255, 255}, frame("text"), frame(nil), frame([]int{1}), frame(map[string]any{"verb": 7})} {
		f.Add(raw, true)
	}
	_, owner, err := NewAccessKey()
	if err != nil {
		f.Fatal(err)
	}
	_, stranger, err := NewAccessKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte, mine bool) {
		backend := &strict{t: t, owner: owner}
		s := &server{
			cfg: DefaultServerConfig(), host: tapeHost{}, backend: backend, strangers: make(chan struct{}, 1), perPeer: map[peer.ID]int{},
		}
		s.cfg.Logger = slog.New(slog.DiscardHandler)
		key := stranger
		if mine {
			key = owner
		}
		id, err := PeerID(key)
		if err != nil {
			t.Fatal(err)
		}
		st := &tape{from: id}
		st.in.Reset(in)
		s.handle(t.Context(), st)
		if backend.asked && !mine {
			t.Fatal("a stranger was let in")
		}
		if len(s.strangers) != 0 || s.total != 0 || len(s.perPeer) != 0 {
			t.Fatalf("slots are still taken: %d strangers, %d streams, %d peers", len(s.strangers), s.total, len(s.perPeer))
		}
		out := st.out.Bytes()
		if bytes.Contains(out, []byte(secretPath)) {
			t.Fatalf("the answer tells of the machine: %q", out)
		}
		if len(out) == 0 {
			return // cut off in the middle of the request
		}
		back := &tape{}
		back.in.Reset(out)
		answer, err := conn{Stream: back}.answer()
		if CodeOf(err) == "" && err != nil {
			t.Fatalf("the answer %q is no frame: %v", out, err)
		}
		if !mine && (CodeOf(err) == "" || back.in.Len() > 0) {
			t.Fatalf("a stranger got %+v and %d bytes", answer, back.in.Len())
		}
	})
}

// FuzzAnswer feeds a customer what a worker may send. Words are fit for a terminal, waits are bounded, and a log never
// counts more than was written.
func FuzzAnswer(f *testing.F) {
	for _, r := range []response{
		{}, {Code: CodeBusy, Message: "later", RetryMS: 1 << 62}, {Code: CodeInternal, Message: "\x1b[2Jgone\n"}, {Code: "odd\x1b[2J", RetryMS: -5},
		{Status: &Status{Phase: PhaseReady, Message: "\x07", LogBytes: -1}}, {Size: -1}, {Wants: []Want{{SHA256: "x", Size: -9, Offset: 1 << 62}}},
		{Complete: true},
	} {
		f.Add(frame(r))
		f.Add(append(frame(r), append([]byte{0, 0, 0, 3, 'l', 'o', 'g', 0, 0, 0, 0, 255, 255, 255, 255}, frame(response{Complete: true})...)...))
	}
	f.Add([]byte{0, 8, 0, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		st := &tape{}
		st.in.Reset(in)
		c := conn{Stream: st}
		_, err := c.answer()
		checkWords(t, err)
		if err != nil {
			return
		}
		var log bytes.Buffer
		for end := (LogEnd{}); ; {
			done, err := c.logChunk(&end, &log)
			checkWords(t, err)
			if end.Offset != int64(log.Len()) || log.Len() > len(in) {
				t.Fatalf("the log is at %d, %d bytes were written of %d", end.Offset, log.Len(), len(in))
			}
			if done || err != nil {
				return
			}
		}
	})
}

func checkWords(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if CodeOf(err) == "" {
		return
	}
	if !errors.As(err, &e) || e.RetryAfter < 0 || e.RetryAfter > time.Hour || len(e.Message) > 9000 {
		t.Fatalf("a wait of %s, a message of %d bytes", e.RetryAfter, len(e.Message))
	}
	if strings.ContainsFunc(e.Message, unicode.IsControl) {
		t.Fatalf("the message %q steers a terminal", e.Message)
	}
	if strings.ContainsFunc(string(e.Code), unicode.IsControl) {
		t.Fatalf("the code %q steers a terminal", e.Code)
	}
}
