//go:build linux

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/docker/egress"
)

// childArg is the hidden subcommand of testdata/helper.
const childArg = "docker-child"

// shared is what all tests of one run use.
var shared struct {
	dir     string
	tag     string // that the archives bring with them
	engine  error  // why there is none
	archive func() (string, error)
	helper  func() (string, error)
}

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "emc-docker-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.dir, shared.tag = dir, "operators-own:"+string(newRunID())
	shared.archive = sync.OnceValues(func() (string, error) { return packGuest(dir) })
	shared.helper = sync.OnceValues(func() (string, error) { return buildStatic(dir, "helper") })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := newEngine(engineHost())
	if err == nil {
		_, err = e.about(ctx, time.Now())
	}
	shared.engine = err
	code := m.Run()
	if shared.engine == nil {
		if err := removeTestImages(context.Background(), e); err != nil {
			fmt.Fprintln(os.Stderr, "removing the tests' images:", err)
		}
	}
	return code
}

func engineHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	return defaultHost
}

// needEngine skips a test, or fails it where an Engine has to be there.
func needEngine(t testing.TB) {
	t.Helper()
	if shared.engine == nil {
		return
	}
	if os.Getenv("EMC_REQUIRE_DOCKER") == "1" {
		t.Fatalf("EMC_REQUIRE_DOCKER=1, and there is no Engine: %v", shared.engine)
	}
	t.Skipf("no Docker Engine answers: %v", shared.engine)
}

// buildStatic builds a program of testdata and returns its path.
func buildStatic(dir, name string) (string, error) {
	out := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-o", out, "./testdata/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, text)
	}
	return out, nil
}

// packGuest builds the guest and packs it twice into an image: as its program,
// and as one that its owner root marked to run as root.
func packGuest(dir string) (string, error) {
	out, err := buildStatic(dir, "guest")
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(out)
	if err != nil {
		return "", err
	}
	return packFiles(dir, image.Config{
		Entrypoint: []string{"/guest"}, Cmd: []string{"hello", "from the image"},
		Env: []string{"PATH=/bin", "GREETING=image"}, WorkingDir: "/etc",
	}, []image.File{
		{Path: "guest", Mode: 0o755, Content: program},
		unique(),
		{Path: "etc/shadow", Mode: 0o600, Content: []byte("secret")},
		{Path: "out/of-the-image", Mode: 0o644, Content: []byte("old")},
	})
}

// unique is a file that makes an image another one than that of tests which run
// at the same time on the same Engine.
func unique() image.File {
	return image.File{Path: "etc/unique", Mode: 0o644, Content: []byte(newRunID())}
}

// packFiles writes an archive and returns its path.
func packFiles(dir string, c image.Config, files []image.File) (string, error) {
	layer, err := image.FileLayer(files)
	if err != nil {
		return "", err
	}
	return packImage(dir, image.Image{Config: c, Layers: []image.Layer{layer}, Tag: shared.tag})
}

func packImage(dir string, m image.Image) (string, error) {
	var b bytes.Buffer
	if _, err := image.Write(&b, m); err != nil {
		return "", err
	}
	path := filepath.Join(dir, digest(b.Bytes())[:12]+".tar")
	return path, os.WriteFile(path, b.Bytes(), 0o600)
}

// newTestRuntime returns a runtime that acts for an owner of its own, and checks
// at the end that nothing with its label is left.
func newTestRuntime(t testing.TB, change func(c *Config)) *Runtime {
	t.Helper()
	needEngine(t)
	helper, err := shared.helper()
	require.NoError(t, err)
	c := Config{
		Executable: helper,
		Host:       engineHost(), Owner: "test-" + string(newRunID()), StateDir: filepath.Join(t.TempDir(), "state"),
		ChildArgs: []string{childArg}, Egress: egress.Config{}, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c)
	}
	r, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { requireNothingLeft(t, r) })
	return r
}

func requireNothingLeft(t testing.TB, r *Runtime) {
	t.Helper()
	left, err := r.Sweep(context.Background(), runtime.SweepOptions{DryRun: true})
	require.NoError(t, err)
	require.Empty(t, left, "something is left behind")
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.live)
}

// run is a task with its log, ready to be changed before it is started.
type run struct {
	runtime.Task
	log *bytes.Buffer
	rt  *Runtime
}

func newRun(t testing.TB, args ...string) *run {
	t.Helper()
	needEngine(t)
	archive, err := shared.archive()
	require.NoError(t, err)
	return runOf(t, archive, args...)
}

// runOf is a run of another image.
func runOf(t testing.TB, archive string, args ...string) *run {
	t.Helper()
	content, err := os.ReadFile(archive)
	require.NoError(t, err)
	log := &bytes.Buffer{}
	return &run{log: log, Task: runtime.Task{
		ID: "test/1", Artifact: archive, ArtifactSHA256: digest(content),
		Args: args, OutputDir: filepath.Join(t.TempDir(), "out"), Log: log,
		Limits: runtime.Limits{
			Duration: 2 * time.Minute, MemoryBytes: 64 << 20,
			OutputBytes: 1 << 20, OutputFiles: 50, LogBytes: 1 << 20,
		},
	}}
}

func (r *run) input(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	host := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(host, []byte(content), mode))
	require.NoError(t, os.Chmod(host, mode))
	r.Inputs = append(r.Inputs, runtime.File{
		Path: path, Host: host, Size: int64(len(content)), SHA256: digest([]byte(content)),
	})
}

// do runs the task, and checks that nothing is left beside its outputs.
func (r *run) do(t testing.TB) runtime.Result {
	t.Helper()
	if r.rt == nil {
		r.rt = newTestRuntime(t, nil)
	}
	result, err := r.rt.Run(context.Background(), r.Task)
	require.NoError(t, err, "%+v\n%s", result, r.log)
	requireNothingLeft(t, r.rt)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(r.OutputDir), ".emc-docker-*"))
	require.NoError(t, err)
	require.Empty(t, left, "scratch is left behind")
	return result
}

func requireExit(t testing.TB, r *run, result runtime.Result, code int) {
	t.Helper()
	require.Equal(t, runtime.ReasonExited, result.Reason, "%+v\n%s", result, r.log)
	require.Equal(t, code, result.ExitCode, "%+v\n%s", result, r.log)
}

func paths(files []runtime.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}

// removeTestImages removes what the tests loaded: their archives' names are the
// digests of files in the tests' directory.
func removeTestImages(ctx context.Context, e *engine) error {
	list, err := filepath.Glob(filepath.Join(shared.dir, "*.tar"))
	if err != nil {
		return err
	}
	for _, path := range list {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = e.api.ImageRemove(ctx, "emc-app:"+digest(content), client.ImageRemoveOptions{PruneChildren: true})
		if gone(err) != nil {
			return err
		}
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }

func tarMembers(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	members := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return members
		}
		require.NoError(t, err)
		members[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
}
