package docker

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	// user is whom every program runs as, whatever its image says. It has no name
	// and owns nothing.
	user = "65532:65532"
	// pidsLimit counts threads too; a language's runtime may start some hundred.
	pidsLimit = 1024
	// filesLimit is enough for a server, and little enough for the kernel.
	filesLimit = 4096
	// cpuPeriodCPUs is one processor in the Engine's unit.
	oneCPU = 1_000_000_000
	// minMemory is what starting a container takes by itself.
	minMemory = 16 << 20
	// pageBytes is what a file in memory takes at least.
	pageBytes = 4096
	// spareInodes let a program go past its limit on files before the file system
	// is full, so that going past can be told from reaching it.
	spareInodes = 2
	// rootInode is that of /out itself.
	rootInode = 1
	// maxTmp and maxShm bound /tmp and /dev/shm, which are the program's memory.
	maxTmp = 1 << 30
	maxShm = 64 << 20
	// maxVolumes bounds the volumes that an image may declare.
	maxVolumes = 16
	tmpDir     = "/tmp"
	shmDir     = "/dev/shm"
)

// outBytes is the size of the file system at /out: the limit, and for each file
// the part of its last page that it does not use. When it is full, the sum of
// the files' sizes is past the limit.
func outBytes(l runtime.Limits) int64 {
	return l.OutputBytes + int64(l.OutputFiles+1)*pageBytes
}

// memoryBytes is the limit of the container's control group: what the program
// may have, and what it may write to /out. Below minMemory no container starts.
func memoryBytes(l runtime.Limits) int64 {
	return max(l.MemoryBytes, minMemory) + outBytes(l)
}

// outVolume is the volume behind /out.
func (r *Runtime) outVolume(id runID, t runtime.Task) client.VolumeCreateOptions {
	return client.VolumeCreateOptions{
		Name:   id.volume(),
		Driver: "local",
		DriverOpts: map[string]string{
			"type":   "tmpfs",
			"device": "tmpfs",
			// Everybody may write, for the user's number is another one when the
			// Engine maps users.
			"o": fmt.Sprintf("size=%d,nr_inodes=%d,mode=0777,nosuid,nodev",
				outBytes(t.Limits), t.Limits.OutputFiles+rootInode+spareInodes),
		},
		Labels: r.labels(id, t.ID, roleOut),
	}
}

func outMount(id runID) mount.Mount {
	return mount.Mount{
		Type: mount.TypeVolume, Source: id.volume(), Target: runtime.OutDir,
		// What the image has at /out is not the program's output.
		VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	}
}

func readOnly(host, target string) mount.Mount {
	return mount.Mount{
		Type: mount.TypeBind, Source: host, Target: target, ReadOnly: true,
		BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
	}
}

// hardened is what every container of ours gets, the holder included.
func hardened(ociRuntime string, memory, nanoCPUs, pids int64) *container.HostConfig {
	limit := func(name string, n int64) *units.Ulimit { return &units.Ulimit{Name: name, Soft: n, Hard: n} }
	return &container.HostConfig{
		NetworkMode:    "none",
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		IpcMode:        container.IPCModePrivate,
		CgroupnsMode:   container.CgroupnsModePrivate,
		LogConfig:      container.LogConfig{Type: "none"},
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		Runtime:        ociRuntime,
		Resources: container.Resources{
			Memory:     memory,
			MemorySwap: memory, // none beyond the memory
			NanoCPUs:   nanoCPUs,
			PidsLimit:  &pids,
			Ulimits:    []*units.Ulimit{limit("core", 0), limit("nofile", filesLimit)},
		},
	}
}

// plain is what every container's configuration has in common. The Engine's
// own shutdown sends SIGKILL: a program that took a SIGTERM for a reason to end
// would look as if it had finished.
func plain(imageID string, labels map[string]string) *container.Config {
	return &container.Config{
		Image: imageID, User: user, Hostname: "emc", Labels: labels,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		StopSignal:  "SIGKILL",
	}
}

// holderSpec is the container that keeps /out. Its one program is ours, is read
// from an image with nothing else in it, and makes one system call: making it a
// network namespace that it does not use would take as long as all the rest.
func (r *Runtime) holderSpec(id runID, t runtime.Task, imageID string, box sandbox) client.ContainerCreateOptions {
	host := hardened(box.holderRuntime, minMemory, oneCPU, 16)
	if !box.mapsUsers { // an Engine that maps users has no such mode
		host.NetworkMode = "host"
	}
	host.Mounts = []mount.Mount{outMount(id)}
	return client.ContainerCreateOptions{
		Name: id.holder(), Config: plain(imageID, r.labels(id, t.ID, roleHolder)), HostConfig: host,
	}
}

// jobSpec is the container of the program itself.
func (r *Runtime) jobSpec(id runID, t runtime.Task, img loadedImage, s scratch, box sandbox) (client.ContainerCreateOptions, error) {
	config := plain(img.ID, r.labels(id, t.ID, roleJob))
	config.AttachStdout, config.AttachStderr = true, true
	config.Env = environment(t.Env)
	command, err := commandOf(t, img)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	config.Entrypoint, config.Cmd = command[:1], command[1:]
	config.WorkingDir = img.WorkingDir

	memory := memoryBytes(t.Limits)
	if t.Egress {
		memory += egressMemory
	}
	host := hardened(box.runtime, memory, nanoCPUs(t.Limits.CPUs, box.cpus), pidsLimit)
	tmp, shm := roundUp(min(t.Limits.MemoryBytes/2, maxTmp)), roundUp(min(t.Limits.MemoryBytes/4, maxShm))
	// No file can be larger than what holds it; a full place is told from it.
	largest := max(outBytes(t.Limits), tmp) + pageBytes
	host.Ulimits = append(host.Ulimits, &units.Ulimit{Name: "fsize", Soft: largest, Hard: largest})
	host.ShmSize = shm
	host.Tmpfs = map[string]string{
		tmpDir: memoryDir(tmp) + ",exec",
		shmDir: memoryDir(shm) + ",noexec",
	}
	host.Mounts = []mount.Mount{outMount(id), readOnly(s.in(), runtime.InDir)}
	volumes, err := volumeMounts(img.Volumes, tmp)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	host.Mounts = append(host.Mounts, volumes...)
	if t.Egress {
		host.Mounts = append(host.Mounts, readOnly(box.helper, helperPath), readOnly(s.sockets(), socketDir))
		config.Cmd = slices.Concat(r.config.ChildArgs, []string{childEgress}, command)
		config.Entrypoint = []string{helperPath}
	}
	return client.ContainerCreateOptions{Name: id.job(), Config: config, HostConfig: host}, nil
}

// commandOf is the image's entrypoint with the task's arguments, or with the
// image's own when the task has none.
func commandOf(t runtime.Task, img loadedImage) ([]string, error) {
	args := t.Args
	if len(args) == 0 {
		args = img.Cmd
	}
	command := slices.Concat(img.Entrypoint, args)
	if len(command) == 0 {
		return nil, customerError{"the image names no program to start; set ENTRYPOINT or CMD in its Dockerfile, or pass the program as arguments"}
	}
	return command, nil
}

// environment is the task's, with a home that can be written to.
func environment(env []string) []string {
	if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		return env
	}
	return append(slices.Clone(env), "HOME="+tmpDir)
}

// memoryDir are the options of a file system in memory. An inode takes the
// kernel about a kilobyte, which counts as the program's memory as well.
func memoryDir(bytes int64) string {
	return "rw,nosuid,nodev,mode=1777,size=" + strconv.FormatInt(bytes, 10) +
		",nr_inodes=" + strconv.FormatInt(max(bytes/pageBytes, 64), 10)
}

// volumeMounts puts a bounded file system over every volume that an image
// declares: the Engine would make an unbounded one on the host's disk.
func volumeMounts(declared []string, bytes int64) ([]mount.Mount, error) {
	if len(declared) > maxVolumes {
		return nil, customerError{fmt.Sprintf("the image declares %d volumes, at most %d are allowed; leave out VOLUME lines", len(declared), maxVolumes)}
	}
	var list []mount.Mount
	for _, v := range declared {
		at := path.Clean("/" + v)
		switch {
		case at == runtime.InDir || at == runtime.OutDir || at == tmpDir || at == shmDir:
			continue // already bounded
		case at == "/" || under(at, "/proc") || under(at, "/sys") || under(at, "/dev") || under(at, "/.emc") || under(at, runtime.InDir):
			return nil, customerError{fmt.Sprintf("the image declares a volume at %q, where a job cannot have one; leave out that VOLUME line", v)}
		}
		list = append(list, mount.Mount{
			Type: mount.TypeTmpfs, Target: at,
			TmpfsOptions: &mount.TmpfsOptions{SizeBytes: bytes, Mode: 0o1777},
		})
	}
	return list, nil
}

func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// nanoCPUs is the limit on processors, one if the task says nothing. The Engine
// refuses more than there are.
func nanoCPUs(cpus float64, have int) int64 {
	if cpus <= 0 {
		cpus = 1
	}
	if have > 0 {
		cpus = min(cpus, float64(have))
	}
	return max(int64(cpus*oneCPU), oneCPU/100)
}

func roundUp(n int64) int64 { return max((n+pageBytes-1)/pageBytes, 1) * pageBytes }

// customerError is what the customer has to mend, in words for him.
type customerError struct{ words string }

func (e customerError) Error() string { return e.words }
