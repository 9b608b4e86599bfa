package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

func TestConfig(t *testing.T) {
	good := Config{Host: "unix:///s", Owner: "emc1abc", StateDir: "/state", ChildArgs: []string{"x"}}
	r, err := New(good)
	require.NoError(t, err)
	require.Equal(t, "docker", r.Name())
	for name, c := range map[string]struct {
		spoil func(c *Config)
		says  string
	}{
		"another machine":   {func(c *Config) { c.Host = "tcp://10.0.0.1:2375" }, "not a local socket"},
		"ssh":               {func(c *Config) { c.Host = "ssh://host" }, "not a local socket"},
		"relative socket":   {func(c *Config) { c.Host = "unix://docker.sock" }, "three slashes"},
		"no owner":          {func(c *Config) { c.Owner = "" }, "register"},
		"relative state":    {func(c *Config) { c.StateDir = "state" }, "not an absolute path"},
		"no child":          {func(c *Config) { c.ChildArgs = nil }, "ChildArgs"},
		"negative cache":    {func(c *Config) { c.ImageBytes = -1 }, "negative"},
		"a name for labels": {func(c *Config) { c.Owner = strings.Repeat("x", 300) }, "owner"},
	} {
		c2 := good
		c.spoil(&c2)
		_, err := New(c2)
		require.ErrorContains(t, err, c.says, name)
	}
	t.Setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
	good.Host = ""
	_, err = New(good)
	require.ErrorContains(t, err, "not a local socket")
}

func TestSuitable(t *testing.T) {
	good := system.Info{OSType: "linux", MemoryLimit: true, PidsLimit: true, CPUCfsQuota: true, SecurityOptions: []string{"name=apparmor", "name=seccomp,profile=default"}}
	require.NoError(t, suitable(good, "1.41"))
	require.NoError(t, suitable(good, "1.52"))
	newer := good
	newer.SecurityOptions = []string{"name=seccomp,profile=builtin", "name=cgroupns"}
	require.NoError(t, suitable(newer, "1.48"))
	for says, spoil := range map[string]func(i *system.Info) string{
		"too old":        func(*system.Info) string { return "1.40" },
		"20.10":          func(*system.Info) string { return "1.9" },
		"seccomp filter": func(i *system.Info) string { i.SecurityOptions = []string{"name=apparmor"}; return "1.41" },
		"unconfined": func(i *system.Info) string {
			i.SecurityOptions = []string{"name=seccomp,profile=unconfined"}
			return "1.41"
		},
		"processes false":    func(i *system.Info) string { i.PidsLimit = false; return "1.41" },
		"windows containers": func(i *system.Info) string { i.OSType = "windows"; return "1.41" },
	} {
		i := good
		api := spoil(&i)
		require.ErrorContains(t, suitable(i, api), says)
	}
}

// TestHardening names every line of defence, so that none gets lost.
func TestHardening(t *testing.T) {
	r, err := New(Config{Host: "unix:///s", Owner: "emc1abc", StateDir: "/state", ChildArgs: []string{"child"}})
	require.NoError(t, err)
	task := runtime.Task{ID: "emc1x/3", Env: []string{"A=1"}, Args: []string{"arg"}, Limits: runtime.Limits{
		MemoryBytes: 64 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 1,
	}}
	img := loadedImage{ID: "sha256:1", Entrypoint: []string{"/run"}, Cmd: []string{"default"}, WorkingDir: "/w", Volumes: []string{"/data"}}
	s := scratch{dir: "/state/run/1"}
	spec, err := r.jobSpec("1", task, img, s, sandbox{cpus: 2, runtime: "runc", helper: "/state/helper-1"})
	require.NoError(t, err)
	c, h := spec.Config, spec.HostConfig
	require.Equal(t, "65532:65532", c.User)
	require.Equal(t, []string{"NONE"}, c.Healthcheck.Test)
	require.Equal(t, []string{"/run"}, c.Entrypoint)
	require.Equal(t, []string{"arg"}, c.Cmd)
	require.Equal(t, []string{"A=1", "HOME=/tmp"}, c.Env)
	require.Equal(t, "/w", c.WorkingDir)
	require.False(t, c.Tty || c.OpenStdin || c.AttachStdin)
	require.Equal(t, "emc1abc", c.Labels[labelOwner])
	require.Equal(t, "emc1x/3", c.Labels[labelTask])
	require.Equal(t, roleJob, c.Labels[labelRole])
	require.WithinDuration(t, time.Now(), createdAt(c.Labels), time.Minute)

	require.EqualValues(t, "none", h.NetworkMode)
	require.True(t, h.ReadonlyRootfs)
	require.Equal(t, []string{"ALL"}, []string(h.CapDrop))
	require.Empty(t, h.CapAdd)
	require.Equal(t, []string{"no-new-privileges"}, h.SecurityOpt)
	require.False(t, h.Privileged || h.AutoRemove || h.PublishAllPorts)
	require.EqualValues(t, container.IPCModePrivate, h.IpcMode)
	require.EqualValues(t, container.CgroupnsModePrivate, h.CgroupnsMode)
	require.Empty(t, h.PidMode)
	require.Empty(t, h.UTSMode)
	require.Empty(t, h.UsernsMode)
	require.Empty(t, h.Devices)
	require.Empty(t, h.Binds)
	require.Equal(t, "none", h.LogConfig.Type)
	require.EqualValues(t, "no", h.RestartPolicy.Name)
	require.EqualValues(t, pidsLimit, *h.PidsLimit)
	require.Equal(t, memoryBytes(task.Limits), h.Memory)
	require.Equal(t, h.Memory, h.MemorySwap)
	require.EqualValues(t, oneCPU, h.NanoCPUs)
	require.Equal(t, "runc", h.Runtime)
	ulimits := map[string]int64{}
	for _, u := range h.Ulimits {
		require.Equal(t, u.Soft, u.Hard)
		ulimits[u.Name] = u.Hard
	}
	require.Equal(t, map[string]int64{"core": 0, "nofile": filesLimit, "fsize": 32<<20 + pageBytes}, ulimits)
	require.ElementsMatch(t, []string{"/tmp", "/dev/shm"}, sortedKeys(h.Tmpfs))
	for _, options := range h.Tmpfs {
		for _, o := range []string{"nosuid", "nodev", "size=", "nr_inodes="} {
			require.Contains(t, options, o)
		}
	}
	mounts := map[string]mount.Mount{}
	for _, m := range h.Mounts {
		mounts[m.Target] = m
	}
	require.ElementsMatch(t, []string{"/in", "/out", "/data"}, sortedKeys(mounts))
	require.True(t, mounts["/in"].ReadOnly)
	require.Equal(t, "/state/run/1/in", mounts["/in"].Source)
	require.Equal(t, mount.TypeVolume, mounts["/out"].Type)
	require.Equal(t, mount.TypeTmpfs, mounts["/data"].Type)
	require.Positive(t, mounts["/data"].TmpfsOptions.SizeBytes)
	volume := r.outVolume("1", task)
	require.Equal(t, "size=1093632,nr_inodes=13,mode=0777,nosuid,nodev", volume.DriverOpts["o"])
	require.Equal(t, "emc1abc", volume.Labels[labelOwner])

	task.Egress, task.Limits.CPUs = true, 64
	spec, err = r.jobSpec("1", task, img, s, sandbox{cpus: 2, helper: "/state/helper-1"})
	require.NoError(t, err)
	require.EqualValues(t, "none", spec.HostConfig.NetworkMode)
	require.EqualValues(t, 2*oneCPU, spec.HostConfig.NanoCPUs)
	require.Equal(t, []string{helperPath}, spec.Config.Entrypoint)
	require.Equal(t, []string{"child", childEgress, "/run", "arg"}, spec.Config.Cmd)
	for _, m := range spec.HostConfig.Mounts {
		require.True(t, m.ReadOnly || m.Type != mount.TypeBind, "%+v", m)
	}
	holder := r.holderSpec("1", task, "sha256:h", sandbox{mapsUsers: true})
	require.EqualValues(t, "none", holder.HostConfig.NetworkMode)
	require.Len(t, holder.HostConfig.Mounts, 1)
	require.Empty(t, holder.Config.Cmd)
	require.True(t, holder.HostConfig.ReadonlyRootfs)
	require.Equal(t, []string{"ALL"}, []string(holder.HostConfig.CapDrop))
}

func TestVolumes(t *testing.T) {
	for _, bad := range []string{"/", "/proc", "/proc/x", "/sys/fs", "/dev", "/.emc/x", "/in/x", "../proc", "//proc"} {
		_, err := volumeMounts([]string{bad}, 1<<20)
		_, ok := asCustomer(err)
		require.True(t, ok, "%s: %v", bad, err)
	}
	list, err := volumeMounts([]string{"/in", "/out", "/tmp", "/tmp/", "/dev/shm", "/var/lib/x", "data"}, 1<<20)
	require.NoError(t, err)
	require.Len(t, list, 2)
	_, err = volumeMounts(make([]string, maxVolumes+1), 1)
	require.Error(t, err)
}

func TestLogWriter(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		limit int64
		want  string
	}{
		"empty":            {"", 5, ""},
		"exactly":          {"abcd\n", 5, "abcd\n"},
		"cut in a line":    {"abcdefg\n", 5, "abcde\n" + cutNotice},
		"cut after a line": {"abcd\nefg\n", 5, "abcd\n" + cutNotice},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 1000} {
				var got bytes.Buffer
				l := &logWriter{w: &got, left: c.limit}
				for rest := c.text; rest != ""; {
					n := min(step, len(rest))
					if _, err := l.Write([]byte(rest[:n])); err != nil {
						require.ErrorIs(t, err, errLogFull)
					}
					rest = rest[n:]
				}
				require.Equal(t, c.want, got.String())
			}
		})
	}
	full := errors.New("disk full")
	l := &logWriter{w: failingWriter{full}, left: 100}
	n, err := l.Write([]byte("text"))
	require.NoError(t, err, "the program would fail for the worker's disk")
	require.Equal(t, 4, n)
	require.ErrorIs(t, l.failed, full)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func goodFacts() facts {
	return facts{
		Status: map[string]string{
			"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "CapInh": "0000000000000000", "CapAmb": "0000000000000000",
			"CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
		},
		UID: 65532, GID: 65532, UIDMap: "         0          0 4294967295\n", Version: "Linux version 6\n", Interfaces: []string{"lo"},
	}
}

// TestTier: the tier is what was found, and a barrier that is missing is an
// error that names it.
func TestTier(t *testing.T) {
	const host = "Linux version 6\n"
	tier, _, err := goodFacts().tier(host)
	require.NoError(t, err)
	require.Equal(t, runtime.TierContainer, tier)
	for name, c := range map[string]struct {
		change func(f *facts)
		tier   runtime.Tier
	}{
		"rootless":        {func(f *facts) { f.UIDMap = "0 1000 1\n1 100000 65536\n" }, runtime.TierUser},
		"userns-remap":    {func(f *facts) { f.UIDMap = "0 100000 65536\n" }, runtime.TierUser},
		"unknown map":     {func(f *facts) { f.UIDMap = "" }, runtime.TierContainer},
		"gVisor":          {func(f *facts) { f.Version = "Linux version 4.4.0"; f.GVisor = true; f.Status["Seccomp"] = "0" }, runtime.TierKernel},
		"virtual machine": {func(f *facts) { f.Version = "Linux version 5 guest"; f.Status["Seccomp"] = "0" }, runtime.TierMachine},
	} {
		f := goodFacts()
		f.Status = maps.Clone(f.Status)
		c.change(&f)
		tier, words, err := f.tier(host)
		require.NoError(t, err, name)
		require.Equal(t, c.tier, tier, name)
		require.NotEmpty(t, words)
	}
	for says, change := range map[string]func(f *facts){
		"CapEff":              func(f *facts) { f.Status["CapEff"] = "00000000a80425fb" },
		"CapInh":              func(f *facts) { f.Status["CapInh"] = "0000000000000001" },
		"CapPrm":              func(f *facts) { delete(f.Status, "CapPrm") },
		"NoNewPrivs":          func(f *facts) { f.Status["NoNewPrivs"] = "0" },
		"Seccomp":             func(f *facts) { f.Status["Seccomp"] = "0" },
		"user 0":              func(f *facts) { f.UID = 0 },
		"root's group":        func(f *facts) { f.Groups = []int{0} },
		"interfaces [eth0]":   func(f *facts) { f.Interfaces = []string{"lo", "eth0"} },
		"could write to /etc": func(f *facts) { f.Achieved = []string{"write to /etc"} },
		"kernel is not known": func(f *facts) { f.Version = "" },
	} {
		f := goodFacts()
		change(&f)
		tier, _, err := f.tier(host)
		require.ErrorContains(t, err, says)
		require.Equal(t, runtime.TierNone, tier)
	}
}

func TestCandidates(t *testing.T) {
	offer := func(names ...string) system.Info {
		i := system.Info{Runtimes: map[string]system.RuntimeWithStatus{}}
		for _, n := range names {
			i.Runtimes[n] = system.RuntimeWithStatus{}
		}
		return i
	}
	require.Equal(t, []string{"runc"}, candidates(offer("io.containerd.runc.v2", "runc")))
	require.Equal(t, []string{"kata-runtime", "runsc", "runc"}, candidates(offer("runc", "runsc", "kata-runtime", "nvidia")))
	require.Equal(t, []string{""}, candidates(offer("crun")))
}

// archiveOf is what an Engine gives of /out.
func archiveOf(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "out/", Typeflag: tar.TypeDir, Mode: 0o777}))
	for _, h := range entries {
		size := h.Size
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write(bytes.Repeat([]byte("x"), int(size)))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return &b
}

// TestCollect: a hostile archive reaches nothing but its directory.
func TestCollect(t *testing.T) {
	limits := runtime.Limits{OutputBytes: 100, OutputFiles: 5}
	for name, c := range map[string]struct {
		entries []tar.Header
		paths   []string
		past    string
		words   string
	}{
		"plain":         {[]tar.Header{{Name: "out/d/", Typeflag: tar.TypeDir}, {Name: "out/d/a", Size: 60}, {Name: "out/b", Size: 40}}, []string{"b", "d/a"}, "", ""},
		"too large":     {[]tar.Header{{Name: "out/a", Size: 60}, {Name: "out/b", Size: 41}}, []string{"a"}, "100 bytes", ""},
		"too many":      {[]tar.Header{{Name: "out/1"}, {Name: "out/2"}, {Name: "out/3"}, {Name: "out/4"}, {Name: "out/5"}, {Name: "out/6"}}, []string{"1", "2", "3", "4", "5"}, "5 files", ""},
		"way out":       {[]tar.Header{{Name: "out/../../x", Size: 1}, {Name: "out/a/../../x", Size: 1}, {Name: "out//x", Size: 1}}, nil, "", "not delivered"},
		"links":         {[]tar.Header{{Name: "out/l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "out/h", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}}, nil, "", "symbolic link"},
		"hard link":     {[]tar.Header{{Name: "out/a", Size: 10}, {Name: "out/b", Typeflag: tar.TypeLink, Linkname: "out/a"}}, []string{"a", "b"}, "", ""},
		"many links":    {[]tar.Header{{Name: "out/a", Size: 60}, {Name: "out/b", Typeflag: tar.TypeLink, Linkname: "out/a"}}, []string{"a"}, "100 bytes", ""},
		"devices":       {[]tar.Header{{Name: "out/c", Typeflag: tar.TypeChar}, {Name: "out/b", Typeflag: tar.TypeBlock}, {Name: "out/f", Typeflag: tar.TypeFifo}}, nil, "", "device"},
		"more than fit": {[]tar.Header{{Name: "out/1\x01"}, {Name: "out/2\x01"}, {Name: "out/3\x01"}, {Name: "out/4\x01"}}, nil, "", "and 1 more"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			require.NoError(t, os.MkdirAll(dir, 0o700))
			got, err := collect(context.Background(), archiveOf(t, c.entries...), dir, limits)
			require.NoError(t, err)
			require.Equal(t, c.paths, pathsOf(got.files))
			require.Contains(t, got.past, c.past)
			require.Equal(t, c.past == "", got.past == "")
			require.Contains(t, got.words(), c.words)
			require.NoFileExists(t, filepath.Join(dir, "..", "x"))
			require.NoFileExists(t, filepath.Join(dir, "..", "..", "x"))
		})
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink("/etc", filepath.Join(dir, "link")))
	_, err := collect(context.Background(), archiveOf(t, tar.Header{Name: "out/link/x", Size: 1}), dir, limits)
	require.Error(t, err, "through a link")
	short := archiveOf(t, tar.Header{Name: "out/a", Size: 90})
	short.Truncate(1600)
	_, err = collect(context.Background(), short, t.TempDir(), limits)
	require.Error(t, err, "an Engine that ended in the middle")
}

func pathsOf(files []runtime.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}

// FuzzCollect: no archive makes a file outside, nor more than the limits allow.
func FuzzCollect(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "out/a", Size: 3, Typeflag: tar.TypeReg})
	_, _ = w.Write([]byte("abc"))
	_ = w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "x", "y")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		got, _ := collect(context.Background(), bytes.NewReader(archive), dir, runtime.Limits{OutputBytes: 100, OutputFiles: 5})
		total := int64(0)
		for _, file := range got.files {
			total += file.Size
			if err := runtime.ValidatePath(file.Path); err != nil {
				t.Fatal(err)
			}
		}
		if total > 100 || len(got.files) > 5 {
			t.Fatalf("%d bytes in %d files", total, len(got.files))
		}
		for _, d := range []string{top, filepath.Join(top, "x")} {
			if list, err := os.ReadDir(d); err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
		}
	})
}

// TestPrograms: what is assembled for either processor is an executable whose
// instructions an arm64 assembler writes as well.
func TestPrograms(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		for _, make := range []func(string) ([]byte, error){waiterProgram, probeProgram} {
			program, err := make(arch)
			require.NoError(t, err)
			f, err := elf.NewFile(bytes.NewReader(program))
			require.NoError(t, err)
			require.Equal(t, machine, f.Machine)
			require.Len(t, f.Progs, 1)
			require.EqualValues(t, len(program), f.Progs[0].Filesz)
		}
		again, err := probeProgram(arch)
		require.NoError(t, err)
		same, err := probeProgram(arch)
		require.NoError(t, err)
		require.Equal(t, same, again)
	}
	_, err := waiterProgram("riscv64")
	require.ErrorContains(t, err, "riscv64")

	// What Go's own assembler makes of the same instructions.
	words := func(code []byte) (list []uint32) {
		for ; len(code) >= 4; code = code[4:] {
			list = append(list, binary.LittleEndian.Uint32(code))
		}
		return list
	}
	a, err := newAssembler("arm64")
	require.NoError(t, err)
	a.call(sysRead(), kept(1), stackBuffer(), kept(2))
	a.orExit(5)
	a.keep(1)
	a.keep(2)
	require.Equal(t, []uint32{
		0xaa1303e0, 0xd10203e1, 0xaa1403e2, 0xd28007e8, 0xd4000001, // read(x19, sp-128, x20)
		0xb6f800a0, 0xd28000a0, 0xf2a00000, 0xd2800ba8, 0xd4000001, // if x0 < 0, exit(5)
		0xaa0003f3, 0xaa0003f4, // x19 = x20 = x0
	}, words(a.code))
	waiter, err := waiterProgram("arm64")
	require.NoError(t, err)
	require.Equal(t, []uint32{
		0xd2800000, 0xf2a00000, 0xd2800001, 0xf2a00001, 0xd2800002, 0xf2a00002, 0xd2800003, 0xf2a00003, // x0 … x3 = 0
		0xd2800928, // mov x8, #73
		0xd4000001, // svc #0
		0x17fffff6, // b .-40
	}, words(waiter[elfHeaders:]))
}

func TestHelperHasToBeStatic(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700))
	_, err := installHelper(script, dir)
	require.ErrorContains(t, err, "not an executable")
	if _, err := os.Stat("/bin/sh"); err == nil {
		_, err = installHelper("/bin/sh", dir)
		require.ErrorContains(t, err, "CGO_ENABLED=0")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*helper*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestProxyEnvironment(t *testing.T) {
	got := proxyEnvironment([]string{"A=1", "HTTPS_PROXY=http://x", "no_proxy=*"})
	require.Equal(t, "A=1", got[0])
	require.Len(t, got, 9)
	require.Contains(t, got, "HTTPS_PROXY=http://127.0.0.1:3128")
	require.NotContains(t, got, "no_proxy=*")
}

func TestRelativeTimesOfLabels(t *testing.T) {
	require.True(t, createdAt(nil).IsZero(), "a container without a time is old")
	r := &Runtime{config: Config{Owner: "o", Logger: slog.New(slog.DiscardHandler)}, now: func() time.Time { return time.Unix(5, 0) }}
	require.Equal(t, time.Unix(5, 0), createdAt(r.labels("1", "t", roleJob)))
}
