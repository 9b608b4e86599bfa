package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// findings lists what state code must not contain: anything by which two
// validators could disagree.
func findings(fset *token.FileSet, file *ast.File, info *types.Info) []string {
	var out []string
	report := func(n ast.Node, what string) {
		out = append(out, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
	}
	for _, imp := range file.Imports {
		switch path := strings.Trim(imp.Path.Value, `"`); path {
		case "math/rand", "math/rand/v2", "crypto/rand":
			report(imp, "randomness ("+path+")")
		case "sync", "sync/atomic":
			report(imp, "concurrency ("+path+")")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "a goroutine")
		case *ast.SelectStmt:
			report(n, "a select: its choice is random")
		case *ast.RangeStmt:
			if t := info.TypeOf(n.X); t != nil {
				if _, ok := t.Underlying().(*types.Map); ok {
					report(n, "a range over a map: its order is random")
				}
			}
		case *ast.Ident:
			if obj := info.Uses[n]; obj != nil && obj.Pkg() == nil && (n.Name == "float32" || n.Name == "float64") {
				report(n, "a float")
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				report(n, "a float literal")
			}
		case *ast.SelectorExpr:
			if obj := info.Uses[n.Sel]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "time" {
				switch n.Sel.Name {
				case "Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker", "Sleep":
					report(n, "the wall clock (time."+n.Sel.Name+")")
				}
			}
		}
		return true
	})
	return out
}

func TestStateCode(t *testing.T) {
	cfg := &packages.Config{
		Dir:  "../..",
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
	}
	list, err := packages.Load(cfg, "./x/...", "./app/ante/...", "./app/upgrades/...")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, p := range list {
		for _, e := range p.Errors {
			t.Fatalf("%s: %v", p.PkgPath, e)
		}
		if strings.Contains(p.PkgPath, "/simulation") || strings.Contains(p.PkgPath, "/testutil") {
			continue
		}
		for _, f := range p.Syntax {
			name := p.Fset.Position(f.Pos()).Filename
			if strings.HasSuffix(name, ".pb.go") || strings.HasSuffix(name, ".pb.gw.go") {
				continue
			}
			files++
			for _, found := range findings(p.Fset, f, p.TypesInfo) {
				t.Error(found)
			}
		}
	}
	if files < 20 {
		t.Fatalf("only %d files checked: the check sees nothing", files)
	}
}

func TestFindingsSeeEachRule(t *testing.T) {
	const bad = `package bad
import ("math/rand"; "time"; "sync")
var mu sync.Mutex
func f(m map[string]int, c chan int) float64 {
	go f(m, c)
	for range m {}
	select { case <-c: default: }
	_ = time.Now()
	_ = rand.Int()
	return 0.5
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "bad.go", bad, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importerFor(t)}
	if _, err := conf.Check("bad", fset, []*ast.File{file}, info); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(findings(fset, file, info), "\n")
	for _, want := range []string{"randomness", "concurrency", "goroutine", "range over a map", "select", "wall clock", "a float\n", "float literal"} {
		if !strings.Contains(all+"\n", want) {
			t.Errorf("%q was not found in:\n%s", want, all)
		}
	}
}

func importerFor(t *testing.T) types.Importer {
	list, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedExportFile | packages.NeedImports}, "time", "math/rand", "sync")
	if err != nil {
		t.Fatal(err)
	}
	m := mapImporter{}
	for _, p := range list {
		m[p.PkgPath] = p.Types
	}
	return m
}

type mapImporter map[string]*types.Package

func (m mapImporter) Import(path string) (*types.Package, error) {
	if p, ok := m[path]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("no %s", path)
}
