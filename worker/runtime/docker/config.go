package docker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/worker/runtime/docker/egress"
)

const (
	// defaultHost is where Docker's packages put the Engine's socket.
	defaultHost = "unix:///var/run/docker.sock"
	// defaultImageBytes holds some dozens of images.
	defaultImageBytes = 16 << 30
	// maxOwnerBytes keeps labels short.
	maxOwnerBytes = 256
)

// Config tells a Runtime which Engine to use, and on whose behalf.
type Config struct {
	// Host is the Engine's local socket as unix:///path. Empty takes DOCKER_HOST,
	// then the default of Docker's packages.
	Host string
	// Owner is the node's address. It is in the labels of everything that this
	// runtime makes, and what carries another owner is never touched.
	Owner string
	// StateDir is an absolute path of a directory of the worker's own, made if
	// absent: scratch, the list of images, a copy of the helper program.
	StateDir string
	// ImageBytes is the size above which the least recently used of the images
	// that this runtime loaded go. Zero means 16 GiB.
	ImageBytes int64
	// Executable is the program that calls Child when it is started with
	// ChildArgs; it is run inside containers and must be static. Empty means the
	// running binary, even if its file has been replaced by an upgrade since.
	Executable string
	// ChildArgs are the arguments that select the hidden subcommand.
	ChildArgs []string
	// Runtime is the OCI runtime to use, by the name that the Engine has for it.
	// Empty takes the strongest of kata, runsc and runc that works.
	Runtime string
	// Egress are the rules of the way to the internet for tasks that ask for
	// one. The zero value forbids every address that is not public.
	Egress egress.Config
	// Logger receives what concerns the operator. Nil means slog.Default.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	fail := func(format string, a ...any) (Config, error) {
		return Config{}, fmt.Errorf("docker runtime: "+format, a...)
	}
	if c.Host == "" {
		c.Host = os.Getenv("DOCKER_HOST")
	}
	if c.Host == "" {
		c.Host = defaultHost
	}
	if _, err := socketOf(c.Host); err != nil {
		return Config{}, err
	}
	if c.Owner == "" || len(c.Owner) > maxOwnerBytes {
		return fail("the owner %.40q is not a node's address; register the node first", c.Owner)
	}
	if !filepath.IsAbs(c.StateDir) {
		return fail("the state directory %q is not an absolute path", c.StateDir)
	}
	if c.ImageBytes < 0 {
		return fail("the image cache size %d is negative", c.ImageBytes)
	}
	if c.ImageBytes == 0 {
		c.ImageBytes = defaultImageBytes
	}
	if c.Executable == "" {
		c.Executable = "/proc/self/exe"
	}
	if len(c.ChildArgs) == 0 {
		return fail("ChildArgs is empty; name the hidden subcommand that calls docker.Child")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// socketOf returns the path of a local unix socket. Another machine's Engine
// would not see this one's files, and would run jobs where nobody measured.
func socketOf(host string) (string, error) {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return "", fmt.Errorf("docker runtime: the Engine's address %q is not a local socket; use unix:///path, such as %s (set DOCKER_HOST or docker.host)", host, defaultHost)
	}
	if !filepath.IsAbs(path) {
		return "", errors.New("docker runtime: the Engine's address " + host + " has no absolute path; use three slashes, as in " + defaultHost)
	}
	return path, nil
}
