// Command guest is the program that the tests run inside containers. Its first
// argument chooses what it does, good or hostile.
package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func modes() map[string]func(args []string) error {
	return map[string]func(args []string) error{
		"hello":   hello,
		"lines":   lines,
		"copy":    copyInputs,
		"exit":    exit,
		"panic":   func([]string) error { panic("on purpose") },
		"signal":  signal,
		"sleep":   sleep,
		"partial": partial,
		"hog":     hog,
		"bytes":   writeBytes,
		"files":   writeFiles,
		"dirs":    makeDirs,
		"sparse":  sparse,
		"replace": replace,
		"flood":   flood,
		"env":     env,
		"once":    once,
		"get":     get,
		"special": special,
		"attack":  attack,
		"fork":    fork,
		"fill":    fill,
		"inodes":  inodes,
		"names":   names,
		"whoami":  func([]string) error { fmt.Println(os.Geteuid()); return nil },
	}
}

func main() {
	mode := modes()[os.Args[1]]
	if mode == nil {
		fmt.Println("unknown mode", os.Args[1])
		os.Exit(99)
	}
	if err := mode(os.Args[2:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// lines answers each line of its input: with what it says, with an end, or with too much.
func lines([]string) error {
	fmt.Fprintln(os.Stderr, "ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch word := in.Text(); word {
		case "exit":
			fmt.Print("last words\n")
			os.Exit(7)
		case "flood":
			for {
				fmt.Println("more")
			}
		default:
			fmt.Println(strings.ToUpper(word))
		}
	}
	return os.WriteFile("/out/left", []byte("behind"), 0o600)
}

func hello(args []string) error {
	fmt.Println("stdout", args, os.Getenv("GREETING"))
	return os.WriteFile("/out/hello.txt", []byte("hello"), 0o600)
}

func copyInputs([]string) error {
	return filepath.WalkDir("/in", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := "/out" + strings.TrimPrefix(path, "/in")
		if d.IsDir() {
			if to == "/out" {
				return nil
			}
			return os.Mkdir(to, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0) // not readable, even for its owner
	})
}

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// signal ends a process by a signal. The first of a container ignores those
// from inside, so a child does it, and its end is passed on as a shell would.
func signal(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if len(args) > 1 {
		if err := syscall.Kill(os.Getpid(), syscall.Signal(n)); err != nil {
			return err
		}
		time.Sleep(time.Hour)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := os.StartProcess(self, []string{self, "signal", args[0], "child"}, &os.ProcAttr{})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	os.Exit(128 + int(state.Sys().(syscall.WaitStatus).Signal()))
	return nil
}

func sleep(args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	fmt.Println("sleeping")
	time.Sleep(d)
	return nil
}

func partial([]string) error {
	if err := os.WriteFile("/out/checkpoint", []byte("half"), 0o600); err != nil {
		return err
	}
	fmt.Println("half done")
	time.Sleep(time.Hour)
	return nil
}

func hog([]string) error {
	var kept [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
		if len(kept) == 1<<20 {
			return nil
		}
	}
}

func writeBytes(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := 0; n > 0; i++ {
		part := min(n, 300_000)
		if err := os.WriteFile(fmt.Sprintf("/out/%03d", i), make([]byte, part), 0o600); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

func writeFiles(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range n {
		if err := os.WriteFile(fmt.Sprintf("/out/%d", i), []byte{1}, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func makeDirs(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range n {
		if err := os.Mkdir(fmt.Sprintf("/out/%d", i), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func sparse(args []string) error {
	size, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	files, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for i := range files {
		f, err := os.Create(fmt.Sprintf("/out/%d", i))
		if err != nil {
			return err
		}
		if err := f.Truncate(size); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func replace(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range n {
		if err := os.WriteFile("/out/a.tmp", make([]byte, 400), 0o600); err != nil {
			return err
		}
		if err := os.Rename("/out/a.tmp", "/out/a"); err != nil {
			return err
		}
	}
	return nil
}

func flood(args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	block := []byte(strings.Repeat("x", 64<<10))
	for ; n > 0; n -= int64(len(block)) {
		if _, err := os.Stdout.Write(block); err != nil {
			return err
		}
	}
	return os.WriteFile("/out/after", nil, 0o600)
}

func env([]string) error {
	for _, e := range os.Environ() {
		fmt.Println(e)
	}
	dir, err := os.Getwd()
	fmt.Println(dir, os.Getuid(), os.Getgid())
	return err
}

// once waits at its first start for a file that never comes, as a job does in
// which an Engine is restarted; where it runs again it ends at once, for the
// input then tells it to.
func once([]string) error {
	fmt.Println("started")
	for {
		if _, err := os.Stat("/in/go"); err == nil {
			return os.WriteFile("/out/done", []byte("done"), 0o600)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
