package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Above these, a folder counts as having no bound.
const (
	mostFilled = 1 << 30
	mostInodes = 1 << 20
)

// places are where a program can hope to write, /out aside.
func places() []string {
	return []string{
		"/", "/in", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/dev/mqueue", "/dev/pts", "/run", "/home", "/root", "/etc",
		"/proc", "/sys", "/sys/fs/cgroup",
	}
}

// fill writes into every place until it is refused.
func fill(string) error {
	var a attempts
	chunk := make([]byte, 1<<20)
	for _, dir := range places() {
		name := filepath.Join(dir, "filler")
		f, err := os.Create(name)
		if err != nil {
			a.refused("create "+name, err)
			continue
		}
		written := 0
		for err == nil && written < mostFilled {
			var n int
			n, err = f.Write(chunk)
			written += n
		}
		a.refused(fmt.Sprintf("fill %s with %d bytes", dir, written), err)
		f.Close()
		os.Remove(name)
	}
	return a.verdict()
}

// inodes makes files in every place until it is refused.
func inodes(string) error {
	var a attempts
	for _, dir := range places() {
		made, err := 0, error(nil)
		for ; err == nil && made < mostInodes; made++ {
			err = syscall.Mknod(filepath.Join(dir, "f"+strconv.Itoa(made)), syscall.S_IFREG|0o600, 0)
		}
		a.refused(fmt.Sprintf("%d files in %s", made, dir), err)
		for i := range made {
			os.Remove(filepath.Join(dir, "f"+strconv.Itoa(i)))
		}
	}
	return a.verdict()
}

// chatter writes to its log as fast as it can, for so many GB.
func chatter(gigabytes string) error {
	n, err := strconv.Atoi(gigabytes)
	if err != nil {
		return err
	}
	block := []byte(strings.Repeat(strings.Repeat("blah ", 15)+"\n", 1000))
	for left := n * 1_000_000_000; left > 0; left -= 2 * len(block) {
		for _, to := range []io.Writer{os.Stdout, os.Stderr} {
			if _, err := to.Write(block); err != nil {
				return err
			}
		}
	}
	return nil
}

// sparse makes outputs that take no room, and claim each to be as large as a
// file may be.
func sparse(string) error {
	size := int64(1 << 50)
	for name := range 50 {
		f, err := os.Create("/out/sparse" + strconv.Itoa(name))
		if err != nil {
			return err
		}
		for err = f.Truncate(size); err != nil && size > 0; err = f.Truncate(size) {
			size /= 2
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	fmt.Println("50 files of", size, "bytes of nothing")
	return nil
}

// litter leaves beside two good files everything that a careless collector
// would follow, read, wait for or carry home. key is a file of the host.
func litter(key string) error {
	const good = "/out/good.txt"
	err := errors.Join(
		os.Mkdir("/out/sub", 0o755), os.Mkdir("/out/closed", 0o755),
		os.WriteFile(good, []byte("good"), 0o644), os.WriteFile("/out/sub/fine.txt", []byte("fine"), 0o644),
		os.WriteFile("/out/closed/inside", []byte("inside"), 0o644),
		os.Link(good, "/out/again.txt"),
		os.Symlink(key, "/out/key"), os.Symlink("../../../../../.."+key, "/out/sub/key"),
		os.Symlink("/", "/out/root"), os.Symlink("/proc/self/environ", "/out/environ"), os.Symlink(good, "/out/soft.txt"),
		syscall.Mkfifo("/out/fifo", 0o666), syscall.Mknod("/out/socket", syscall.S_IFSOCK|0o666, 0),
		os.WriteFile("/out/secret", []byte("secret"), 0o644), os.Chmod("/out/secret", 0),
		os.Chmod("/out/closed", 0),
	)
	if err != nil {
		return err
	}
	var a attempts
	for name, number := range map[string]int{"disk": 8 << 8, "memory": 1<<8 | 1, "null": 1<<8 | 3} {
		a.refused("mknod "+name, syscall.Mknod("/out/"+name, syscall.S_IFBLK|0o666, number))
		a.refused("mknod "+name, syscall.Mknod("/out/"+name, syscall.S_IFCHR|0o666, number))
	}
	a.refused("hard link", os.Link(key, "/out/hard"))
	return a.verdict()
}
