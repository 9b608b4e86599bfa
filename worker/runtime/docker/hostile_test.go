//go:build linux

package docker

import (
	"archive/tar"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/worker/runtime"
)

// requireNextJobRuns is what matters after any attack.
func requireNextJobRuns(t *testing.T, rt *Runtime) {
	t.Helper()
	r := newRun(t, "hello", "next")
	r.rt = rt
	requireExit(t, r, r.do(t), 0)
	require.Equal(t, "stdout [next] image\n", r.log.String())
}

// hostileArchive is an image whose owner prepared it for an attack: a program
// that is marked to run as root, and an input's place taken by a link.
func hostileArchive(t *testing.T) string {
	t.Helper()
	_, err := shared.archive()
	require.NoError(t, err)
	program, err := os.ReadFile(filepath.Join(shared.dir, "guest"))
	require.NoError(t, err)
	// A layer of our own making: FileLayer writes no such modes.
	path := filepath.Join(t.TempDir(), "layer.tar")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := tar.NewWriter(f)
	for name, mode := range map[string]int64{"guest": 0o755, "suid": 0o6755} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(program)), Typeflag: tar.TypeReg}))
		_, err = w.Write(program)
		require.NoError(t, err)
	}
	mark := unique()
	require.NoError(t, w.WriteHeader(&tar.Header{Name: mark.Path, Mode: int64(mark.Mode), Size: int64(len(mark.Content)), Typeflag: tar.TypeReg}))
	_, err = w.Write(mark.Content)
	require.NoError(t, err)
	for _, dir := range []string{"var", "usr", "root", "dev"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: dir + "/", Mode: 0o777, Typeflag: tar.TypeDir}))
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	archive, err := packImage(shared.dir, image.Image{
		Config: image.Config{Entrypoint: []string{"/guest"}, User: "root", Volumes: []string{"/data", "/out", "/tmp"}},
		Layers: []image.Layer{image.TarLayer(path)}, Tag: "hostile:1",
	})
	require.NoError(t, err)
	return archive
}

// TestAttack lets a program try every way out. None may open.
func TestAttack(t *testing.T) {
	needEngine(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	secret := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o644))
	victim := exec.Command("sleep", "600")
	require.NoError(t, victim.Start())
	ended := make(chan error, 1)
	go func() { ended <- victim.Wait() }()
	defer func() { victim.Process.Kill(); <-ended }()

	rt := newTestRuntime(t, nil)
	r := runOf(t, hostileArchive(t), "attack", itoa(os.Getpid()), itoa(victim.Process.Pid),
		"tcp:"+listener.Addr().String(), "file:"+secret, "file:/proc/"+itoa(os.Getpid())+"/environ")
	r.rt = rt
	r.input(t, "input", "an input", 0o644)
	result := r.do(t)
	log := r.log.String()
	require.Contains(t, log, "end\n", "%+v", result)
	require.NotContains(t, log, "ACHIEVED")
	require.Greater(t, strings.Count(log, "refused"), 60, log)
	require.Equal(t, runtime.ReasonExited, result.Reason)
	require.Empty(t, result.Outputs)
	select {
	case err := <-ended:
		t.Fatal("a process outside was killed:", err)
	default:
	}
	content, err := os.ReadFile(r.Inputs[0].Host)
	require.NoError(t, err)
	require.Equal(t, "an input", string(content))
	requireNextJobRuns(t, rt)
}

// TestFillers fill every place that can be written to. The host keeps its room,
// and the reason is told.
func TestFillers(t *testing.T) {
	rt := newTestRuntime(t, nil)
	var before syscall.Statfs_t
	require.NoError(t, syscall.Statfs("/var/lib", &before))
	for _, c := range []struct {
		mode, place string
		reasons     []runtime.Reason
		says        string
	}{
		{"fill", "/", []runtime.Reason{runtime.ReasonExited}, "read-only file system"},
		{"fill", "/data", []runtime.Reason{runtime.ReasonExited, runtime.ReasonMemory}, ""},
		// The runtime mounts 64 MiB of memory at /dev with the mode that the image's has.
		{"fill", "/dev", []runtime.Reason{runtime.ReasonExited, runtime.ReasonMemory}, ""},
		{"fill", "/tmp", []runtime.Reason{runtime.ReasonExited}, "no space left"},
		{"fill", "/dev/shm", []runtime.Reason{runtime.ReasonExited}, "no space left"},
		{"inodes", "/tmp", []runtime.Reason{runtime.ReasonExited}, "no space left"},
		{"inodes", "/dev/shm", []runtime.Reason{runtime.ReasonExited}, "no space left"},
		{"inodes", "/data", []runtime.Reason{runtime.ReasonMemory}, ""},
	} {
		t.Run(c.mode+" "+c.place, func(t *testing.T) {
			r := runOf(t, hostileArchive(t), c.mode, c.place)
			r.rt = rt
			r.Limits.MemoryBytes = 32 << 20
			result := r.do(t)
			require.Contains(t, c.reasons, result.Reason, "%+v\n%s", result, r.log)
			require.NotZero(t, result.ExitCode)
			require.Contains(t, r.log.String(), c.says)
		})
	}
	var after syscall.Statfs_t
	require.NoError(t, syscall.Statfs("/var/lib", &after))
	lost := (int64(before.Bfree) - int64(after.Bfree)) * before.Bsize
	require.Less(t, lost, int64(8<<30), "the host's disk was filled")
	requireNextJobRuns(t, rt)
}

func TestForkBomb(t *testing.T) {
	t.Parallel() // it waits
	rt := newTestRuntime(t, nil)
	r := newRun(t, "fork")
	r.rt = rt
	r.Limits.Duration, r.Limits.MemoryBytes = 12*time.Second, 256<<20
	result := r.do(t)
	// It runs into the limit on processes and waits, or its memory ends first.
	require.Contains(t, []runtime.Reason{runtime.ReasonDeadline, runtime.ReasonMemory, runtime.ReasonExited}, result.Reason, "%+v", result)
	require.NotZero(t, result.ExitCode)
	requireNextJobRuns(t, rt)
}

func TestSpecialOutputs(t *testing.T) {
	r := newRun(t, "special")
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, []string{"good", "hardlink"}, paths(result.Outputs))
	require.Contains(t, result.Message, "symbolic link")
	require.Contains(t, result.Message, "named pipe")
	for _, f := range result.Outputs {
		st, err := os.Lstat(f.Host)
		require.NoError(t, err)
		require.True(t, st.Mode().IsRegular())
		require.EqualValues(t, 1, st.Sys().(*syscall.Stat_t).Nlink)
		require.Equal(t, digest([]byte("good")), f.SHA256)
	}
	list, err := os.ReadDir(r.OutputDir)
	require.NoError(t, err)
	require.Len(t, list, 3, "good, hardlink, dir: %v", list)
}

func TestHostileNames(t *testing.T) {
	r := newRun(t, "names")
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, []string{`back\slash`, "good"}, paths(result.Outputs))
	require.Contains(t, result.Message, "not delivered")
	require.NotContains(t, result.Message, "\x1b")
}

func TestHostileImages(t *testing.T) {
	rt := newTestRuntime(t, nil)
	_, err := shared.archive()
	require.NoError(t, err)
	program, err := os.ReadFile(filepath.Join(shared.dir, "guest"))
	require.NoError(t, err)
	files := []image.File{{Path: "guest", Mode: 0o755, Content: program}, unique()}
	for name, c := range map[string]struct {
		config image.Config
		files  []image.File
		says   string
	}{
		"no program":          {image.Config{}, files, "names no program"},
		"program not there":   {image.Config{Entrypoint: []string{"/nowhere"}}, files, "is not in the image"},
		"not executable":      {image.Config{Entrypoint: []string{"/data"}}, append(files, image.File{Path: "data", Mode: 0o644, Content: []byte("x")}), "cannot be executed"},
		"volume over /proc":   {image.Config{Entrypoint: []string{"/guest", "hello"}, Volumes: []string{"/proc/sys"}}, files, "cannot have one"},
		"/out is a file":      {image.Config{Entrypoint: []string{"/guest", "hello"}}, append(files, image.File{Path: "out", Mode: 0o644, Content: []byte("x")}), "needs directories"},
		"/in is a link out":   {image.Config{Entrypoint: []string{"/guest", "hello"}}, append(files, image.File{Path: "in", Link: "/../../../../etc"}, image.File{Path: "etc/x", Mode: 0o644}), "needs directories"},
		"user that is no one": {image.Config{Entrypoint: []string{"/guest", "hello"}, User: "nobody:nogroup"}, files, ""},
	} {
		t.Run(name, func(t *testing.T) {
			archive, err := packFiles(shared.dir, c.config, c.files)
			require.NoError(t, err)
			r := runOf(t, archive)
			r.rt = rt
			result := r.do(t)
			if c.says == "" {
				requireExit(t, r, result, 0)
				return
			}
			requireExit(t, r, result, runtime.CrashExitCode)
			require.Contains(t, result.Message, c.says)
		})
	}
	text := filepath.Join(shared.dir, "text.tar")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no archive at all ", 100)), 0o600))
	r := runOf(t, text)
	r.rt = rt
	result := r.do(t)
	requireExit(t, r, result, runtime.CrashExitCode)
	require.Contains(t, result.Message, "not one that this runtime can run")
}
