package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/edgematrix/emc/"

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func ourPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", module+"...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// forbidden says why from may not import to, or "".
func forbidden(from, to string) string {
	in := func(path string, roots ...string) bool {
		for _, r := range roots {
			if path == r || strings.HasPrefix(path, r+"/") {
				return true
			}
		}
		return false
	}
	keeper := strings.HasPrefix(to, "x/") && strings.HasSuffix(to, "/keeper")
	switch {
	case in(from, "x", "app", "pkg") && in(to, "worker", "router"):
		return "the chain and the shared formats never import a daemon"
	case in(from, "worker", "router", "cmd/emc-worker", "cmd/emc-router", "pkg") && keeper:
		return "daemons and shared formats never import a keeper"
	case in(from, "worker", "router", "cmd/emc-worker", "cmd/emc-router", "pkg") && in(to, "app"):
		return "daemons and shared formats never import the application"
	case in(from, "worker") && in(to, "router"), in(from, "router") && in(to, "worker"):
		return "the daemons speak over the network, not by import"
	case in(from, "x/compute") && in(to, "x/market", "x/socket", "x/poc"),
		in(from, "x/market") && in(to, "x/socket", "x/poc"),
		in(from, "x/poc") && in(to, "x/market", "x/socket"),
		in(from, "x/socket") && in(to, "x/poc"):
		return "modules depend one way: socket → market → compute ← poc"
	case in(from, "x/internal") && in(to, "x") && !in(to, "x/internal"):
		return "what modules share knows none of them"
	case in(from, "x") && in(to, "app"):
		return "a module never imports the application"
	}
	return ""
}

func TestImportDirections(t *testing.T) {
	list := ourPackages(t)
	if len(list) < 10 {
		t.Fatalf("only %d packages found: the check sees nothing", len(list))
	}
	for _, p := range list {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if why := forbidden(from, to); why != "" {
				t.Errorf("%s imports %s: %s", from, to, why)
			}
		}
	}
}

func TestForbiddenSeesEachRule(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"x/compute/keeper", "worker/spool"}, {"worker/daemon", "x/compute/keeper"}, {"pkg/job", "app"},
		{"x/compute/types", "x/market/types"}, {"x/poc/keeper", "x/market/types"}, {"x/compute", "app"}, {"worker/daemon", "router/gateway"},
		{"x/internal/answers", "x/compute/types"},
	} {
		if forbidden(c.from, c.to) == "" {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
	for _, c := range []struct{ from, to string }{
		{"app", "x/compute/keeper"}, {"x/market/keeper", "x/compute/types"}, {"x/poc/keeper", "x/compute/types"}, {"worker/daemon", "x/compute/types"},
	} {
		if why := forbidden(c.from, c.to); why != "" {
			t.Errorf("%s may not import %s: %s", c.from, c.to, why)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range ourPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
