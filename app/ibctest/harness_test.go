//go:build !ibc_harness

package ibctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// harnessFiles are the files of ibc-go's testing package, with the one helper
// that they take from its simapp.
func harnessFiles() []string {
	return []string{
		"chain.go", "config.go", "coordinator.go", "endpoint.go", "endpoint_v2.go", "events.go", "path.go",
		"testing_app.go", "utils.go", "values.go", "simapp/test_helpers.go",
	}
}

// needsSimapp are the declarations that make a simapp or ask for one.
func needsSimapp() []string {
	return []string{
		"DefaultTestingAppInit", "SetupTestingApp", "SetupWithGenesisValSet", "NewCoordinator", "NewTestChain", "NewTestChainWithValSet",
		"TestChain.GetSimApp", "TestChain.DeleteKey", "TestChain.GetSenderAccount", "VoteAndCheckProposalStatus",
		// of simapp/test_helpers.go everything but SignAndDeliver
		"SetupOptions", "initSetup", "Setup",
	}
}

// harnessFolder is where the compiler finds the harness, by an overlay.
const harnessFolder = "ibctesting"

// The tests of this package proper, over ibc-go's own harness. Its newest release
// does not compile with our SDK for the sake of a chain of its own, testing/simapp,
// that they do not need; so a compiler is shown the harness's files without that
// chain. When an ibc-go compiles again, this file and the build tag go.
func TestIBC(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles ibc-go's harness")
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cosmos/ibc-go/v11").Output()
	require.NoError(t, err)
	upstream := strings.TrimSpace(string(out))

	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, name := range harnessFiles() {
		source, err := os.ReadFile(filepath.Join(upstream, "testing", name))
		require.NoError(t, err)
		source, err = withoutSimapp(source)
		require.NoError(t, err, name)
		file := filepath.Join(dir, filepath.Base(name))
		require.NoError(t, os.WriteFile(file, source, 0o600))
		overlay.Replace[filepath.Join(here, harnessFolder, filepath.Base(name))] = file
	}
	file := filepath.Join(dir, "overlay.json")
	data, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))

	said, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "ibc_harness", "-overlay", file, "-count", "1", "-v", ".").CombinedOutput()
	t.Logf("%s", said)
	require.NoError(t, err)
	require.Contains(t, string(said), "--- PASS: TestThereAndBack", "the tests were run")
}

// withoutSimapp cuts from a source file what needs simapp, and the imports that
// nothing then uses.
func withoutSimapp(source []byte) ([]byte, error) {
	source = bytes.ReplaceAll(source, []byte("simapp.SignAndDeliver"), []byte("SignAndDeliver"))
	source = bytes.ReplaceAll(source, []byte("package simapp"), []byte("package ibctesting"))
	source, err := cut(source, func(file *ast.File) (out []ast.Node) {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if slices.Contains(needsSimapp(), method(d)+d.Name.Name) {
					out = append(out, span{from(d.Doc, d), d})
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						if slices.Contains(needsSimapp(), s.Names[0].Name) {
							out = append(out, span{from(d.Doc, d), d})
						}
					case *ast.TypeSpec:
						if slices.Contains(needsSimapp(), s.Name.Name) {
							out = append(out, span{from(d.Doc, d), d})
						}
					}
				}
			}
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	source, err = cut(source, func(file *ast.File) (out []ast.Node) {
		used := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					used[x.Name] = true
				}
			}
			return true
		})
		for _, i := range file.Imports {
			if !used[importName(i)] {
				out = append(out, i)
			}
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	return format.Source(source)
}

// method is the type before a method's name, with a dot.
func method(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	if star, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
		return star.X.(*ast.Ident).Name + "."
	}
	return ""
}

// span is a piece of source, from a comment to what it is about.
type span struct{ first, last ast.Node }

func (s span) Pos() token.Pos { return s.first.Pos() }
func (s span) End() token.Pos { return s.last.End() }

func from(doc *ast.CommentGroup, n ast.Node) ast.Node {
	if doc != nil {
		return doc
	}
	return n
}

// cut takes nodes out of a source file.
func cut(source []byte, which func(*ast.File) []ast.Node) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, source)
	}
	nodes := which(file)
	slices.SortFunc(nodes, func(a, b ast.Node) int { return int(b.Pos() - a.Pos()) })
	for _, n := range nodes {
		end := files.Position(n.End()).Offset
		source = append(source[:files.Position(n.Pos()).Offset:files.Position(n.Pos()).Offset], source[end:]...)
	}
	// An import's line is left empty in the middle of its group.
	return regexp.MustCompile(`\n\t*\n(\t*\n)+`).ReplaceAll(source, []byte("\n\n")), nil
}

// importName is the name under which a file uses an import.
func importName(i *ast.ImportSpec) string {
	if i.Name != nil {
		return i.Name.Name
	}
	path, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		return ""
	}
	base := filepath.Base(path)
	if regexp.MustCompile(`^v\d+$`).MatchString(base) { // a module's major version is no name
		base = filepath.Base(filepath.Dir(path))
	}
	return strings.TrimPrefix(base, "cosmos-") // cosmos-db is imported as dbm, with a name
}
