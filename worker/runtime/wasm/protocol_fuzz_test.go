package wasm

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/edgematrix/emc/worker/runtime"
)

// The child reads what a parent of its own version wrote and nothing else.
func FuzzReadJob(f *testing.F) {
	for _, j := range []job{
		{Version: protocolVersion},
		{
			Version: protocolVersion, Artifact: "/a", Args: []string{"x", "\u2028"}, Env: []string{"A=1"}, CacheDir: "/c", CompileOnly: true,
			Inputs: []runtime.File{{Path: "a", Host: "/h", Size: 1, SHA256: "ab"}}, Limits: runtime.Limits{MemoryBytes: 1},
		},
		{Version: protocolVersion + 1},
	} {
		var out bytes.Buffer
		if err := writeJob(&out, j); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
		f.Add(out.Bytes()[:out.Len()/2])
	}
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x04null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := readJob(bytes.NewReader(data))
		if err != nil {
			return
		}
		if j.Version != protocolVersion {
			t.Fatalf("a job of version %d was read", j.Version)
		}
		var out bytes.Buffer
		if err := writeJob(&out, j); err != nil {
			t.Fatal(err)
		}
		if back, err := readJob(&out); err != nil || !reflect.DeepEqual(back, j) {
			t.Fatalf("%+v is written and read as %+v (%v)", j, back, err)
		}
	})
}

// The parent believes a hostile child nothing but bounded, well-formed reports, in which the first broken one ends all.
func FuzzReadReports(f *testing.F) {
	for _, s := range []string{
		"", `{"Phase":"started"}`, `{"Phase":"started"}` + "\n" + `{"Phase":"done","Reason":"exited","ExitCode":3}`, `{"Phase":"done"}{"Phase":"done","ExitCode":1}`,
		`{"Phase":"done","Peak":-1}`, `{"Phase":"done","Peak":1e400}`, "null", `{"Phase":7}{"Phase":"done"}`, `{"Phase":"done","Message":"` + strings.Repeat("x", maxReportBytes) + `"}`,
		"\x00\xff", `[{"Phase":"done"}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := readReports(bytes.NewReader(data))
		if got.done == nil {
			return
		}
		if got.done.Phase != phaseDone || len(got.done.Message) > 3*maxReportBytes || len(got.done.Detail) > 3*maxReportBytes {
			t.Fatalf("the report %+v was believed", got.done)
		}
		line, err := json.Marshal(got.done)
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > maxReportBytes {
			return
		}
		again := readReports(bytes.NewReader(line))
		if again.done == nil || !reflect.DeepEqual(again.done, got.done) {
			t.Fatalf("%q is read as %+v", line, again.done)
		}
	})
}
