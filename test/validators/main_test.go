package validators

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// EnvBinaries names a folder with emcd, emc-worker and charlm.wasm, from the
// repository's root if it is relative.
const EnvBinaries = "EMC_E2E_BIN"

// sideBySide is how many tests run at once. A network of four that nobody disturbs
// takes a third of a core, and every test has times in which nothing happens.
const sideBySide = 4

// What the tests share; set by TestMain before any test runs.
var (
	root     string
	binaries rig.Binaries
	guest    string
	ports    *Ports
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("the tests of whole networks are left out under -short; `make test-validators` runs them")
		os.Exit(0)
	}
	if err := rig.SideBySide(sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, "validators:", err)
		os.Exit(1)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "validators:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx := context.Background()
	var err error
	if root, err = rig.Root(); err != nil {
		return 1, err
	}
	if given := os.Getenv(EnvBinaries); given != "" {
		if !filepath.IsAbs(given) {
			given = filepath.Join(root, given)
		}
		binaries = rig.Binaries(given)
	} else {
		binaries = rig.Binaries(filepath.Join(root, "build", "test"))
		if err := rig.Build(ctx, root, binaries); err != nil {
			return 1, err
		}
	}
	if err := binaries.Check(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "emc-validators-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	guest = filepath.Join(dir, "guest.wasm")
	if err := rig.BuildGuest(ctx, root, guest, "./test/e2e/guest"); err != nil {
		return 1, err
	}
	ports = NewPorts(os.Getpid())
	return m.Run(), nil
}

// network starts a network that ends with the test, which shows what the nodes
// said when it fails.
func network(t *testing.T, o Options) *Net {
	t.Helper()
	n := files(t, o)
	require.NoError(t, n.Start(t.Context()))
	return n
}

// files writes a network's files; what is started of it ends with the test.
func files(t *testing.T, o Options) *Net {
	t.Helper()
	n, err := New(t.Context(), binaries, ports, filepath.Join(t.TempDir(), "net"), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		n.Close()
		if t.Failed() {
			for _, node := range n.Nodes {
				t.Logf("%s said:\n%s", node.Name, rig.Tail(node.Log(), 25))
			}
		}
	})
	return n
}

// market brings a customer and a worker onto a network.
func market(t *testing.T, n *Net) *Market {
	t.Helper()
	m, err := NewMarket(t.Context(), n, guest)
	require.NoError(t, err)
	t.Cleanup(func() {
		m.Worker.Kill()
		if t.Failed() {
			t.Logf("the worker said:\n%s", rig.Tail(m.Worker.Log(), 25))
		}
	})
	return m
}
