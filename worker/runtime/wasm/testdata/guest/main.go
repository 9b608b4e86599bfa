//go:build wasip1

// Command guest is the program that the tests run inside the runtime. Its
// first argument chooses what it does, good or hostile.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

var modes = map[string]func(args []string) error{
	"hello":    hello,
	"copy":     copyInputs,
	"exit":     exit,
	"panic":    func([]string) error { panic("on purpose") },
	"loop":     loop,
	"sleep":    sleep,
	"hog":      hog,
	"bytes":    writeBytes,
	"files":    writeFiles,
	"dirs":     makeDirs,
	"sparse":   sparse,
	"flood":    flood,
	"facts":    facts,
	"escape":   escape,
	"names":    names,
	"handles":  handles,
	"renumber": renumber,
	"partial":  partial,
	"replace":  replace,
	"lines":    lines,
}

func main() {
	mode := modes[os.Args[1]]
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
	return os.WriteFile("/out/left", []byte("behind"), 0o644)
}

func hello(args []string) error {
	fmt.Println("stdout", args)
	fmt.Fprintln(os.Stderr, "stderr", os.Getenv("GREETING"), len(os.Environ()))
	return os.WriteFile("/out/hello.txt", []byte("hello"), 0o644)
}

func copyInputs([]string) error {
	return filepath.WalkDir("/in", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := "/out" + strings.TrimPrefix(path, "/in")
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o644)
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

var sink uint64

func loop([]string) error {
	fmt.Println("looping")
	for i := uint64(0); ; i++ {
		sink += i * i
	}
}

func sleep([]string) error {
	begin := time.Now()
	time.Sleep(time.Hour)
	if d := time.Since(begin); d < time.Hour || d > time.Hour+time.Minute {
		return fmt.Errorf("an hour took %s", d)
	}
	return nil
}

func hog([]string) error {
	var held [][]byte
	for {
		held = append(held, make([]byte, 1<<20))
		runtime.KeepAlive(held)
	}
}

func writeBytes(args []string) error {
	size, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	f, err := os.Create("/out/big")
	if err != nil {
		return err
	}
	chunk := make([]byte, 1000)
	for ; size > 0; size -= int64(len(chunk)) {
		if _, err := f.Write(chunk[:min(size, int64(len(chunk)))]); err != nil {
			return err
		}
	}
	return f.Close()
}

func writeFiles(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range count {
		if err := os.WriteFile(fmt.Sprintf("/out/%d", i), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func makeDirs(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range count {
		if err := os.Mkdir(fmt.Sprintf("/out/%d", i), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// sparse asks for far more than it writes.
func sparse(args []string) error {
	f, err := os.Create("/out/sparse")
	if err != nil {
		return err
	}
	switch args[0] {
	case "truncate":
		err = f.Truncate(1 << 40)
	case "writeat":
		_, err = f.WriteAt([]byte("x"), 1<<40)
	case "seek":
		if _, err = f.Seek(1<<40, 0); err == nil {
			_, err = f.Write([]byte("x"))
		}
	case "allocate":
		if errno := rawAllocate(uint32(f.Fd()), 0, 1<<40); errno != 0 {
			err = fmt.Errorf("errno %d", errno)
		}
	}
	return err
}

func flood(args []string) error {
	size, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	for ; size > 0; size -= int64(len(line)) {
		if _, err := os.Stdout.Write(line); err != nil {
			return err
		}
	}
	return os.WriteFile("/out/after", []byte("still here"), 0o644)
}

// facts prints and writes what differs between hosts, unless the runtime makes
// it the same.
func facts([]string) error {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	wd, _ := os.Getwd()
	host, _ := os.Hostname()
	begin := time.Now()
	facts := []any{random, begin.UnixNano(), time.Now().UnixNano(), os.Args, os.Environ(), wd, host,
		os.Getpid(), os.Getuid(), runtime.NumCPU(), os.TempDir()}
	time.Sleep(3 * time.Second)
	m := map[int]int{}
	for i := range 100 {
		m[i] = i
	}
	for k := range m { // its order is random, from the runtime's own seed
		facts = append(facts, k)
	}
	done := make(chan int)
	for i := range 10 {
		go func() { time.Sleep(time.Duration(i%3) * time.Millisecond); done <- i }()
	}
	for range 10 {
		facts = append(facts, <-done)
	}
	for _, p := range []string{"z", "a", "m"} {
		if err := os.WriteFile("/out/"+p, []byte(p), 0o600); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/in", "/out"} {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		entries, err := d.Readdir(-1) // in the directory's own order
		if err != nil {
			return err
		}
		for _, st := range entries {
			facts = append(facts, st.Name(), st.Size(), st.Mode(), st.ModTime().UnixNano(), fmt.Sprintf("%+v", st.Sys()))
		}
	}
	facts = append(facts, time.Since(begin))
	text := fmt.Sprintln(facts...)
	fmt.Print(text)
	return os.WriteFile("/out/facts", []byte(text), 0o600)
}

// partial leaves an output and then never ends.
func partial([]string) error {
	if err := os.WriteFile("/out/checkpoint", []byte("half way"), 0o600); err != nil {
		return err
	}
	return loop(nil)
}

// replace writes far more than the limit in all, but never holds more.
func replace(args []string) error {
	rounds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range rounds {
		if err := os.WriteFile("/out/new", make([]byte, 400), 0o600); err != nil {
			return err
		}
		if i%2 == 0 {
			err = os.Rename("/out/new", "/out/kept")
		} else {
			err = os.Remove("/out/new")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
