package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask serves lines and returns the answers, a list for each request.
func ask(t *testing.T, m *model, lines ...string) [][]answer {
	t.Helper()
	var out strings.Builder
	if err := serve(m, strings.NewReader(strings.Join(lines, "\n")+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	all := [][]answer{nil}
	for dec := json.NewDecoder(strings.NewReader(out.String())); dec.More(); {
		var a answer
		if err := dec.Decode(&a); err != nil {
			t.Fatal(err)
		}
		last := len(all) - 1
		all[last] = append(all[last], a)
		if a.Done {
			all = append(all, nil)
		}
	}
	return all[:len(all)-1]
}

func text(answers []answer) string {
	var out strings.Builder
	for _, a := range answers {
		out.WriteString(a.Text)
	}
	return out.String()
}

// TestServe: each request gets what generate would have written.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	input, weights := filepath.Join(dir, "in.txt"), filepath.Join(dir, "w.bin")
	if err := os.WriteFile(input, []byte(strings.Repeat("the quick brown fox jumps over the lazy dog.\n", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if code := run([]string{"train", "--input", input, "--out", weights, "--steps", "60"}, &log, &log); code != exitOK {
		t.Fatal(log.String())
	}
	raw, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeWeights(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, m,
		`{"prompt":"the ","length":200,"seed":7}`, `{"prompt":"the ","length":0}`, `nonsense`, `{"prompt":"the ","length":3,"temperature":11}`,
		`{"prompt":"the ","length":200,"seed":7}`, `{"prompt":"the ","length":5,"seed":8,"temperature":0}`)
	if len(got) != 6 {
		t.Fatalf("expected an answer to each of 6 requests, got %d", len(got))
	}
	for _, bad := range []int{1, 2, 3} {
		if len(got[bad]) != 1 || got[bad][0].Error == "" {
			t.Errorf("request %d: expected an error, got %+v", bad, got[bad])
		}
	}
	out := filepath.Join(dir, "text.txt")
	if code := run([]string{"generate", "--weights", weights, "--out", out, "--prompt", "the ", "--length", "200", "--seed", "7"}, &log, &log); code != exitOK {
		t.Fatal(log.String())
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if "the "+text(got[0]) != string(want) {
		t.Errorf("serve says %q, generate %q", text(got[0]), want)
	}
	if text(got[4]) != text(got[0]) {
		t.Error("the same request got another answer")
	}
	if len(got[0]) < 3 {
		t.Errorf("200 characters came in %d pieces: nothing was streamed", len(got[0])-1)
	}
	last := got[5][len(got[5])-1]
	if last.Characters != 5 || len([]rune(text(got[5]))) != 5 {
		t.Errorf("expected 5 characters, got %q and %+v", text(got[5]), last)
	}
}

// TestServeLongLine: a line beyond the bound ends the program with a reason.
func TestServeLongLine(t *testing.T) {
	if err := serve(nil, strings.NewReader(strings.Repeat("x", maxRequestBytes+1)), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxRequestBytes)) {
		t.Errorf("expected the bound in an error, got %v", err)
	}
}
