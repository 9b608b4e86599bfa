// Command guest is the program that the black-box tests send as a job, to the
// wasm runtime or in a container. Its first argument says what it does, good or
// hostile.
package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	verbs := map[string]func(arg string) error{
		"echo":  echo,
		"exit":  exit,
		"spin":  spin,
		"think": think,
		"alloc": alloc,
		"write": write,
		"files": files,
	}
	maps.Copy(verbs, hostile())
	if len(os.Args) != 3 || verbs[os.Args[1]] == nil {
		fmt.Println("usage: guest VERB ARGUMENT")
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// echo writes every input in capitals, and says the word.
func echo(word string) error {
	fmt.Println(word)
	entries, err := os.ReadDir("/in")
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join("/in", e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("/out", e.Name()), bytes.ToUpper(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func exit(code string) error {
	n, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	if err := os.WriteFile("/out/last-words", []byte(code), 0o644); err != nil {
		return err
	}
	os.Exit(n)
	return nil
}

// spin computes for so many million rounds, since time stands still here; 0 is
// for ever. It writes what came of it.
func spin(millions string) error {
	x, err := compute(millions)
	if err != nil {
		return err
	}
	fmt.Println("spun", x)
	return os.WriteFile("/out/spun", []byte(strconv.FormatUint(x, 10)), 0o644)
}

// think is spin without a word in the end, and without an output.
func think(millions string) error {
	_, err := compute(millions)
	return err
}

func compute(millions string) (uint64, error) {
	n, err := strconv.ParseUint(millions, 10, 64)
	if err != nil {
		return 0, err
	}
	fmt.Println("spinning")
	x := uint64(1)
	for i := uint64(0); n == 0 || i < n*1_000_000; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x, nil
}

// alloc holds so many MiB.
func alloc(mebibytes string) error {
	n, err := strconv.Atoi(mebibytes)
	if err != nil {
		return err
	}
	var held [][]byte
	for range n {
		held = append(held, bytes.Repeat([]byte{1}, 1<<20))
	}
	fmt.Println("held", len(held))
	return nil
}

// write writes so many bytes.
func write(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	f, err := os.Create("/out/big")
	if err != nil {
		return err
	}
	for chunk := make([]byte, 4096); n > 0; n -= len(chunk) {
		if _, err := f.Write(chunk[:min(n, len(chunk))]); err != nil {
			return err
		}
	}
	return f.Close()
}

// files makes so many files and directories.
func files(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		name := filepath.Join("/out", strconv.Itoa(i))
		if i%2 == 0 {
			err = os.Mkdir(name, 0o755)
		} else {
			err = os.WriteFile(name, nil, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
