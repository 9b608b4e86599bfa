package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// A path that is accepted names one file below the folder that it is joined to, also for os.Root, and prints on one line.
func FuzzValidatePath(f *testing.F) {
	for _, s := range []string{
		"", ".", "..", "a", "a/b.txt", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "a\x00b", "\x1b[2J", "a\nb", "...", "\xff",
		strings.Repeat("a/", 31) + "b", strings.Repeat("a/", 32) + "b", strings.Repeat("x", 256), strings.Repeat("x", 1025), "caf\u00e9/\u0085",
	} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, p string) {
		if ValidatePath(p) != nil {
			return
		}
		if joined := filepath.Join("/out", p); joined != "/out/"+p || !filepath.IsLocal(p) {
			t.Fatalf("%q is accepted and leads to %q", p, joined)
		}
		if strings.ContainsFunc(p, unicode.IsControl) || len(p) > MaxPathBytes || strings.Count(p, "/") >= MaxPathElements {
			t.Fatalf("%q is accepted", p)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if _, err := root.Stat(p); err != nil && !os.IsNotExist(err) {
			t.Fatalf("%q is accepted and cannot be looked for: %v", p, err)
		}
	})
}

// A task whose inputs and words are accepted is small, and no input lies inside another.
func FuzzValidateTask(f *testing.F) {
	f.Add("job/1", "a\nb", "A=1\nB=x=y", "a\nb/c")
	f.Add("", "", "", "")
	f.Add("x", "\x00", "=1", "a\na")
	f.Add("x", "\xff", "A", "a\na/b")
	f.Add("\x1b", "a", "A=1\nA=2", "a/b/c\na/b")
	f.Fuzz(func(t *testing.T, id, args, env, inputs string) {
		task := Task{
			ID: id, Artifact: "/a", ArtifactSHA256: strings.Repeat("ab", 32), OutputDir: "/o",
			Limits: Limits{Duration: 1, MemoryBytes: 1, OutputBytes: 1, OutputFiles: 1, LogBytes: 1},
		}
		if args != "" {
			task.Args = strings.Split(args, "\n")
		}
		if env != "" {
			task.Env = strings.Split(env, "\n")
		}
		if inputs != "" {
			for _, p := range strings.Split(inputs, "\n") {
				task.Inputs = append(task.Inputs, File{Path: p, Host: "/h", SHA256: task.ArtifactSHA256})
			}
		}
		if Validate(task) != nil {
			return
		}
		total := 0
		for _, s := range append(append([]string{}, task.Args...), task.Env...) {
			if total += len(s); strings.ContainsRune(s, 0) {
				t.Fatalf("%q holds a NUL", s)
			}
		}
		if total > MaxArgsBytes || id == "" || strings.ContainsFunc(id, unicode.IsControl) {
			t.Fatalf("the task %q with %d bytes of words is accepted", id, total)
		}
		keys := map[string]bool{}
		for _, e := range task.Env {
			key, _, ok := strings.Cut(e, "=")
			if !ok || key == "" || keys[key] {
				t.Fatalf("the variable %q is accepted", e)
			}
			keys[key] = true
		}
		for i, a := range task.Inputs {
			for j, b := range task.Inputs {
				if i != j && (a.Path == b.Path || strings.HasPrefix(a.Path, b.Path+"/")) {
					t.Fatalf("input %q is accepted beside %q", a.Path, b.Path)
				}
			}
		}
	})
}
