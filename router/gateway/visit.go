package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// maxWrite is how much a reader takes within WriteTime.
const maxWrite = 64 << 10

// visit is one request: the way its answer goes out, and what is told of it in logs and metrics.
type visit struct {
	http.ResponseWriter
	control   *http.ResponseController
	writeTime time.Duration

	id      string
	route   string // one of ours, never the path as it came
	key     string // its public id
	app     string // one that is known, never a word of the customer
	node    string
	reason  string
	cache   string
	cost    uint64
	read    int64
	written int64
	status  int
	events  bool  // an event stream has begun
	quiet   bool  // nothing worth a line
	call    bool  // it counts as a call
	failure error // for the operator

	began, first time.Time
}

func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{ResponseWriter: w, control: http.NewResponseController(w), writeTime: g.WriteTime, began: time.Now(), route: "other"}
	b := make([]byte, 12)
	if _, err := io.ReadFull(g.rand, b); err == nil {
		v.id = "req_" + hex.EncodeToString(b)
	}
	v.Header().Set(headerRequestID, v.id)
	v.Header().Set("X-Content-Type-Options", "nosniff")
	v.patience() // a connection still has the deadline of its last request
	if r.ContentLength != 0 {
		// Also where nobody reads the body: the server itself reads what is left of one, and a client could hold it there.
		_ = v.control.SetReadDeadline(v.began.Add(g.BodyTime))
	}
	return v
}

// patience starts the time for a piece. Not every ResponseWriter has one: those of tests do not hang either.
func (v *visit) patience() { _ = v.control.SetWriteDeadline(time.Now().Add(v.writeTime)) }

// Unwrap is for http.ResponseController.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (v *visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status, v.first = status, time.Now()
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer. Each piece has its own time.
func (v *visit) Write(b []byte) (n int, err error) {
	if v.status == 0 {
		v.WriteHeader(http.StatusOK)
	}
	for len(b) > 0 && err == nil {
		v.patience()
		var m int
		m, err = v.ResponseWriter.Write(b[:min(len(b), maxWrite)])
		n, b = n+m, b[m:]
	}
	v.written += int64(n)
	return n, err
}

// flush sends what was written. A ResponseWriter that cannot has nothing to send.
func (v *visit) flush() error {
	v.patience()
	if err := v.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// end tells of the request.
func (g *Gateway) end(v *visit) {
	g.metrics.ended(v)
	if v.quiet {
		return
	}
	status, level := v.status, slog.LevelInfo
	if status == 0 {
		status = statusGone
	}
	attrs := []slog.Attr{slog.String("request", v.id), slog.String("route", v.route), slog.Int("status", status), slog.Int64("ms", time.Since(v.began).Milliseconds())}
	for _, a := range []slog.Attr{slog.String("key", v.key), slog.String("app", v.app), slog.String("node", v.node), slog.String("reason", v.reason), slog.String("cache", v.cache)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if v.call {
		attrs = append(attrs, slog.Uint64("cost", v.cost), slog.Int64("in", v.read), slog.Int64("out", v.written))
	}
	if !v.first.IsZero() {
		attrs = append(attrs, slog.Int64("first_ms", v.first.Sub(v.began).Milliseconds()))
	}
	if v.failure != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", v.failure.Error()))
	}
	g.log.LogAttrs(context.Background(), level, "request", attrs...)
}

// statusGone is the status of an answer that nobody waited for, as nginx has it.
const statusGone = 499
