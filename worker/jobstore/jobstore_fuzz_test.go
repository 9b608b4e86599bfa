package jobstore

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// A folder with any job.json lets the store open: the record is taken as it stands, or set aside with its folder. What
// is taken survives a save and a load, and every question about it has an answer.
func FuzzJobRecord(f *testing.F) {
	const id = "000102030405060708090a0b0c0d0e0f"
	hex32 := strings.Repeat("ab", 32)
	whole := `{"version":1,"id":"` + id + `","chain":{"access_key":"02` + hex32 + `","spec_digest":"` + hex32 + `","inputs_digest":"` + hex32 +
		`","app":"a","app_digest":"` + hex32 + `","max_seconds":60,"memory_bytes":1},"salt":"` + hex32 + `","phase":"PHASE","message":"m",` +
		`"reserved":10,"runs":1,"created_at":1,"ended_at":2,"accepted_at":3,"result_salt":"` + hex32 + `"}`
	for _, p := range []transfer.Phase{
		transfer.PhaseNew, transfer.PhaseInputs, transfer.PhaseReady, transfer.PhaseRunning, transfer.PhaseFinished, transfer.PhaseWiped, transfer.PhaseClosed, "odd",
	} {
		f.Add([]byte(strings.Replace(whole, "PHASE", string(p), 1)))
	}
	for _, s := range []string{
		"", "{}", "null", "[]", `{"version":2}`, `{"version":1,"id":"../../x"}`, `{"version":1,"id":"` + id + `","reserved":-9223372036854775808}`,
		whole[:len(whole)/2], strings.Replace(whole, `"created_at":1`, `"created_at":9223372036854775807`, 1),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root := t.TempDir()
		dir := filepath.Join(root, "jobs", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "job.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig(root, "emc-fuzz-1", func(context.Context, string) (ChainJob, error) { return ChainJob{}, ErrUnknownJob })
		cfg.Now, cfg.Logger, cfg.MinFreeBytes = func() time.Time { return time.Unix(1_700_000_000, 0) }, slog.New(slog.DiscardHandler), 0
		s, err := Open(cfg)
		if err != nil {
			t.Fatalf("one record keeps the store from opening: %v", err)
		}
		defer s.Close()
		e := s.entry(id)
		if e == nil {
			if _, err := os.Stat(filepath.Join(root, "damaged")); err != nil {
				t.Fatalf("the record %q is neither taken nor set aside: %v", data, err)
			}
			return
		}
		if e.rec.ID != id || e.rec.Version != recordVersion {
			t.Fatalf("the record of %q in version %d was taken", e.rec.ID, e.rec.Version)
		}
		if s.reserved < 0 || s.reserved > job.MaxInt {
			t.Fatalf("the record reserves %d bytes", s.reserved)
		}
		if err := e.save(e.rec); err != nil {
			t.Fatal(err)
		}
		if back, err := loadEntry(dir); err != nil || !reflect.DeepEqual(back.rec, e.rec) {
			t.Fatalf("a record does not survive being saved: %v", err)
		}
		ask(t, s, id)
	})
}

// ask puts every question that a customer or the worker may have.
func ask(t *testing.T, s *Store, id string) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Status(ctx, id); err != nil {
		t.Fatalf("status: %v", err)
	}
	_, _, _ = s.Result(ctx, id)
	_, _ = s.Get(ctx, id, strings.Repeat("ab", 32), 0)
	if log, err := s.Log(ctx, id, 0, false); err == nil {
		_, _ = io.Copy(io.Discard, log)
		_ = log.Close()
	}
	_, _ = s.Offer(ctx, id, []byte("{}"), job.Salt{}, "")
	_, _ = s.Job(id)
	_ = s.Jobs()
	_, _ = s.Sweep()
}
