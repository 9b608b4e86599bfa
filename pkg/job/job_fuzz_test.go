package job_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/edgematrix/emc/pkg/job"
)

// vectors adds every string of the golden vectors and every value of their JSON as seeds.
func vectors(f *testing.F) {
	f.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		f.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			f.Add([]byte(v))
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(tree)
	for _, s := range []string{
		"", "{}", "null", "[]", `{"version":1}`, `{"version":1,"version":1}`, `{"version":1e0}`, "{\"app\":\"\\ud800\"}", "{\"app\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
}

// Bytes that are read as a specification are its one encoding, and verify under their own digests and no others.
func FuzzSpec(f *testing.F) {
	vectors(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := job.UnmarshalSpec(data)
		if err != nil {
			return
		}
		again, err := job.MarshalSpec(spec)
		if err != nil || string(again) != string(data) {
			t.Fatalf("%q is read and written as %q (%v)", data, again, err)
		}
		checkFiles(t, spec.Inputs)
		if spec.InputBytes() < 0 {
			t.Fatalf("the inputs of %q have %d bytes", data, spec.InputBytes())
		}
		salt := job.Salt{1}
		inputs, err := job.InputsDigest(salt, spec.Inputs)
		if err != nil {
			t.Fatalf("the inputs of a valid specification have no digest: %v", err)
		}
		digest := job.SpecDigest(salt, data)
		verified, err := job.VerifySpec(data, salt, digest, inputs)
		if err != nil || !reflect.DeepEqual(verified, spec) {
			t.Fatalf("%q does not verify under its own digests: %v", data, err)
		}
		if _, err := job.VerifySpec(data, job.Salt{2}, digest, inputs); err == nil {
			t.Fatal("a specification verifies under another salt")
		}
		if _, err := job.UnmarshalResult(data); err == nil {
			t.Fatalf("%q is a specification and a result", data)
		}
	})
}

// Bytes that are read as a result are its one encoding, and verify against their own receipt alone.
func FuzzResult(f *testing.F) {
	vectors(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		result, err := job.UnmarshalResult(data)
		if err != nil {
			return
		}
		again, err := job.MarshalResult(result)
		if err != nil || string(again) != string(data) {
			t.Fatalf("%q is read and written as %q (%v)", data, again, err)
		}
		checkFiles(t, result.Outputs)
		salt := job.Salt{1}
		receipt := job.Salted(job.ResultDigest(data), salt)
		if _, err := job.VerifyResult(data, salt, receipt); err != nil {
			t.Fatalf("%q does not verify under its own receipt: %v", data, err)
		}
		if _, err := job.VerifyResult(data, job.Salt{2}, receipt); err == nil {
			t.Fatal("a result verifies under another salt")
		}
	})
}

// checkFiles holds what everybody relies on who joins a path to a folder.
func checkFiles(t *testing.T, files []job.File) {
	t.Helper()
	total := int64(0)
	for _, file := range files {
		if !filepath.IsLocal(file.Path) || path.Clean(file.Path) != file.Path || strings.ContainsAny(file.Path, "\x00\n\x1b\\") {
			t.Fatalf("the valid path %q is not safe", file.Path)
		}
		if total += file.Size; file.Size < 0 || total < 0 {
			t.Fatalf("file %q: size %d, %d together", file.Path, file.Size, total)
		}
	}
}

// A path that is accepted stays below the folder that it is joined to.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"", ".", "..", "a", "a/b.txt", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "a\x00b", "\x1b[2J", "C:/x", "a/.../b",
		strings.Repeat("a/", 15) + "b", strings.Repeat("x", 256), "\u202etxt.exe", "caf\u00e9", "\xff", "a/\u0085",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if job.CheckPath(p) != nil {
			return
		}
		const root = "/srv/job"
		joined := filepath.Join(root, p)
		if !strings.HasPrefix(joined, root+"/") || joined != root+"/"+p || !filepath.IsLocal(p) || len(p) > job.MaxPathBytes {
			t.Fatalf("%q is accepted and leads to %q", p, joined)
		}
	})
}

// Digests, salts and ids have one spelling each.
func FuzzHex(f *testing.F) {
	for _, s := range []string{
		"", "00", strings.Repeat("0", 64), strings.Repeat("ab", 32), strings.Repeat("AB", 32), strings.Repeat("ab", 16), strings.Repeat("0", 63) + "g",
		strings.Repeat("ab", 32) + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := job.ParseDigest(s); err == nil && d.String() != s {
			t.Fatalf("the digest %q prints as %q", s, d)
		}
		salt, err := job.ParseSalt(s)
		if err == nil && salt.String() != s {
			t.Fatalf("the salt %q prints as %q", s, salt)
		}
		if job.CheckID(s) == nil && (len(s) != job.IDLen || strings.Trim(s, "0123456789abcdef") != "") {
			t.Fatalf("%q is taken for a job id", s)
		}
	})
}
