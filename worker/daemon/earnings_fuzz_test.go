package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// A file of any bytes is added up without a panic, to no less than nothing, and a job that is added to it counts once,
// now and after the next start.
func FuzzEarnings(f *testing.F) {
	line := `{"job":"J","status":"completed","uemc":"5000","closed":"2026-01-01T00:00:00Z"}`
	huge := `{"job":"H","uemc":"` + strings.Repeat("9", 77) + `"}`
	for _, s := range []string{
		"", line, "\n" + line + "\n\n" + line + "\n", line[:20] + "\n" + line, `{"job":"N","uemc":"-7"}`, huge + "\n" + strings.ReplaceAll(huge, "H", "I"),
		`{"job":"","uemc":"1"}`, "null", strings.Repeat("x", 70_000) + "\n" + line, `{"job":"X","uemc":"0x10"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "earnings")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := ReadEarnings(path)
		if err != nil {
			t.Fatal(err)
		}
		if before.Uemc.IsNegative() || before.Jobs < 0 {
			t.Fatalf("%q is %s for %d jobs", data, before.Uemc, before.Jobs)
		}
		e, err := openEarnings(path)
		if err != nil {
			t.Fatal(err)
		}
		defer e.file.Close()
		j := computetypes.Job{Id: strings.Repeat("f", 32), Status: computetypes.JOB_STATUS_COMPLETED, Paid: computetypes.Uemc(math.NewInt(12))}
		known := e.seen[j.Id]
		for range 2 {
			if err := e.add(j); err != nil {
				t.Fatal(err)
			}
		}
		after, err := ReadEarnings(path)
		want := before.Uemc
		if !known {
			want = want.AddRaw(12)
		}
		if err != nil || !after.Uemc.Equal(want) {
			t.Fatalf("after %q and one job of 12 the file says %s, not %s (%v)", data, after.Uemc, want, err)
		}
	})
}
