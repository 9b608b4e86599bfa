package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// minDefaultBytes: the text that the demo takes by itself must be worth training on.
const minDefaultBytes = 300 << 10

// writeSources writes a text that every machine with Go has: the sources of its
// HTTP package, in the order of their names.
func writeSources(to string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", "net", "http", "*.go"))
	if err != nil {
		return err
	}
	var text []byte
	for _, f := range files { // Glob sorts
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text = append(text, content...)
	}
	if len(text) < minDefaultBytes {
		return fmt.Errorf("the sources of net/http below %s have %d bytes, expected at least %d; give a text of your own", strings.TrimSpace(string(root)), len(text), minDefaultBytes)
	}
	return os.WriteFile(to, text, 0o644)
}

// checkText refuses a user's file before anything is started.
func checkText(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !utf8.Valid(content) {
		return fmt.Errorf("%s is not UTF-8 text", path)
	}
	if len(content) < 1000 {
		return errors.New("the text is too short to learn from: give at least 1,000 characters, better 300 KB")
	}
	return nil
}
