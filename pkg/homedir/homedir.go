// Package homedir looks after the directory in which a daemon keeps its settings,
// its key and its state: it is its user's alone, and one daemon's at a time.
package homedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked says that a daemon serves the directory.
var ErrLocked = errors.New("it is running already")

// New makes the path absolute.
func New(dir string) (string, error) {
	if strings.TrimSpace(dir) == "" {
		return "", errors.New("the home directory is empty; give one with --home")
	}
	return filepath.Abs(dir)
}

// Make makes the directory, for its user alone.
func Make(h string) error {
	if err := os.MkdirAll(h, 0o700); err != nil {
		return fmt.Errorf("the home directory %s cannot be made: %w; choose another with --home", h, err)
	}
	return nil
}

// Check says whether the directory is there, belongs to us, and is closed to
// others: they could put another key or program in place.
func Check(h, program string) error {
	st, err := os.Stat(h)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing is set up at %s; run `%s init`, or give the directory with --home", h, program)
	}
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is not a directory; give another with --home", h)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is open to other users (mode %o); run: chmod 700 %s", h, st.Mode().Perm(), h)
	}
	var own unix.Stat_t
	if err := unix.Stat(h, &own); err == nil && int(own.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user; run %s as its owner", h, program)
	}
	return nil
}

// Lock takes the directory for one daemon. The kernel gives it back when the
// process ends in whatever way.
func Lock(h string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(h, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(f.Name())
		f.Close()
		return nil, fmt.Errorf("%w: process %s serves %s; stop it first, or give this one another --home", ErrLocked, strings.TrimSpace(string(pid)), h)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return func() { f.Close() }, nil
}

// Running tells whether a daemon serves the directory now.
func Running(h string) bool {
	f, err := os.OpenFile(filepath.Join(h, "lock"), os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
