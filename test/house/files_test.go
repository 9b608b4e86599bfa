package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxFileBytes is more than any source, vector or generated page has: what is
// larger was built, and would stay in the history for ever.
const maxFileBytes = 1 << 20

// tracked lists the files of the repository, relative to its root.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("git does not list the files: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}

// TestNothingBuiltIsTracked: `go build ./test/demo` leaves a program at the root,
// which `git add -A` takes.
func TestNothingBuiltIsTracked(t *testing.T) {
	for _, file := range tracked(t) {
		if info, err := os.Stat(filepath.Join("../..", file)); err == nil && info.Size() > maxFileBytes {
			t.Errorf("%s has %d bytes, the most is %d: is it built? `git rm --cached` it", file, info.Size(), maxFileBytes)
		}
	}
}

var (
	// A link to a file: [words](path), without a scheme, and without what follows a #.
	link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	// A page that is named in prose or in a comment.
	page = regexp.MustCompile(`\bdocs/[A-Za-z0-9_/-]+\.md\b`)
)

// TestPagesAreThere: every page that the docs link to, and every one that they or
// the sources name, exists.
func TestPagesAreThere(t *testing.T) {
	for _, file := range tracked(t) {
		markdown := strings.HasSuffix(file, ".md")
		if !markdown && !strings.HasSuffix(file, ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			continue // removed, and not committed yet
		}
		if markdown {
			for _, m := range link.FindAllStringSubmatch(string(text), -1) {
				exists(t, file, filepath.Join(filepath.Dir(file), m[1]))
			}
		}
		for _, path := range page.FindAllString(string(text), -1) {
			exists(t, file, path)
		}
	}
}

func exists(t *testing.T, file, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
		t.Errorf("%s names %s, which is not there", file, path)
	}
}
