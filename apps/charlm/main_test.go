package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// charlm runs one command line and returns its exit code and what it printed.
func charlm(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input.txt")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func result(t *testing.T, stdout string) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	last, ok := strings.CutPrefix(lines[len(lines)-1], "RESULT ")
	require.True(t, ok, "last line: %s", lines[len(lines)-1])
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(last), &out))
	return out
}

func TestTrainAndGenerate(t *testing.T) {
	for name, text := range map[string]string{"success - ASCII": prose(20000), "success - many characters": rich(700) + rich(700)} {
		t.Run(name, func(t *testing.T) {
			dir, input := t.TempDir(), write(t, text)
			weights, generated := filepath.Join(dir, "w.bin"), filepath.Join(dir, "t.txt")
			code, stdout, stderr := charlm("train", "--input", input, "--out", weights, "--min-margin", "-9")
			require.Equal(t, exitOK, code, stderr)
			r := result(t, stdout)
			require.InDelta(t, r["bigram_nats"].(float64)-r["held_out_nats"].(float64), r["margin_nats"], 1e-5)
			require.GreaterOrEqual(t, r["parameters"], 40000.0)
			require.Greater(t, strings.Count(stdout, "step "), 40)

			code, stdout, stderr = charlm("generate", "--weights", weights, "--out", generated, "--prompt", "the ", "--length", "300", "--temperature", "2")
			require.Equal(t, exitOK, code, stderr)
			file, err := os.ReadFile(generated)
			require.NoError(t, err)
			require.Equal(t, stdout, string(file))
			require.True(t, utf8.Valid(file))
			require.True(t, strings.HasPrefix(stdout, "the "))

			_, again, _ := charlm("generate", "--weights", weights, "--out", generated, "--prompt", "the ", "--length", "300", "--temperature", "2")
			require.Equal(t, stdout, again)
			_, other, _ := charlm("generate", "--weights", weights, "--out", generated, "--prompt", "the ", "--length", "300", "--temperature", "2", "--seed", "2")
			require.NotEqual(t, stdout, other)
		})
	}
}

func TestGeneratedProseHasItsWords(t *testing.T) {
	input, out := write(t, prose(20000)), filepath.Join(t.TempDir(), "w.bin")
	code, stdout, stderr := charlm("train", "--input", input, "--out", out)
	require.Equal(t, exitOK, code, stderr)
	require.Greater(t, result(t, stdout)["margin_nats"], 0.15)
	code, stdout, _ = charlm("generate", "--weights", out, "--out", filepath.Join(t.TempDir(), "t"), "--temperature", "0", "--length", "60")
	require.Equal(t, exitOK, code)
	known := prose(20000)
	words := strings.Fields(stdout)
	for _, word := range words[:len(words)-1] { // the last one may be cut
		require.Contains(t, known, word)
	}
}

func TestTrainingIsDeterministic(t *testing.T) {
	input, dir := write(t, prose(5000)), t.TempDir()
	digest := func(args ...string) any {
		code, stdout, stderr := charlm(append([]string{"train", "--input", input, "--out", filepath.Join(dir, "w")}, args...)...)
		require.Equal(t, exitOK, code, stderr)
		return result(t, stdout)["weights_sha256"]
	}
	first := digest("--steps", "50", "--min-margin", "-9")
	require.Equal(t, first, digest("--steps", "50", "--min-margin", "-9"))
	require.NotEqual(t, first, digest("--steps", "50", "--min-margin", "-9", "--seed", "2"))
}

func TestMissedMarginFailsAndKeepsTheWeights(t *testing.T) {
	input, out := write(t, prose(3000)), filepath.Join(t.TempDir(), "w.bin")
	code, stdout, stderr := charlm("train", "--input", input, "--out", out, "--steps", "1")
	require.Equal(t, exitMargin, code)
	require.Contains(t, stderr, "expected at least 0.15")
	require.Less(t, result(t, stdout)["margin_nats"], 0.15)
	require.FileExists(t, out)
}

func TestOneSymbolOnly(t *testing.T) {
	code, _, stderr := charlm("train", "--input", write(t, strings.Repeat("a", 2000)), "--out", filepath.Join(t.TempDir(), "w"))
	require.Equal(t, exitMargin, code, stderr)
}

func TestBadCommandLines(t *testing.T) {
	good, dir := write(t, prose(2000)), t.TempDir()
	empty, small, latin1 := write(t, ""), write(t, prose(minText-1)), write(t, prose(2000)+"\ncaf\xe9 ")
	out := filepath.Join(dir, "out")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"error - no command":           {nil, exitUsage, "expected a command"},
		"error - unknown command":      {[]string{"fly"}, exitUsage, `unknown command "fly"`},
		"error - unknown flag":         {[]string{"train", "--speed", "9"}, exitUsage, "-speed"},
		"error - stray argument":       {[]string{"train", "file"}, exitUsage, `unexpected argument "file"`},
		"error - no input":             {[]string{"train"}, exitUsage, "--input is missing"},
		"error - no weights":           {[]string{"generate"}, exitUsage, "--weights is missing"},
		"error - input absent":         {[]string{"train", "--input", filepath.Join(dir, "x")}, exitFailed, "does not exist"},
		"error - input is a folder":    {[]string{"train", "--input", dir}, exitFailed, "is a folder"},
		"error - input empty":          {[]string{"train", "--input", empty, "--out", out}, exitFailed, "is empty"},
		"error - input too small":      {[]string{"train", "--input", small, "--out", out}, exitFailed, "is too small: it has 999 characters"},
		"error - input not UTF-8":      {[]string{"train", "--input", latin1, "--out", out}, exitFailed, "is not UTF-8 text: byte 2004"},
		"error - negative steps":       {[]string{"train", "--input", good, "--out", out, "--steps", "-1"}, exitUsage, "--steps"},
		"error - too many steps":       {[]string{"train", "--input", good, "--out", out, "--steps", "99999999"}, exitUsage, "--steps"},
		"error - margin not a number":  {[]string{"train", "--input", good, "--out", out, "--min-margin", "NaN"}, exitUsage, "--min-margin"},
		"error - seed negative":        {[]string{"train", "--input", good, "--out", out, "--seed", "-1"}, exitUsage, "-seed"},
		"error - no output folder":     {[]string{"train", "--input", good, "--out", filepath.Join(dir, "no", "w")}, exitFailed, "there is no folder"},
		"error - output is a folder":   {[]string{"train", "--input", good, "--out", dir}, exitFailed, "is a folder"},
		"error - output name empty":    {[]string{"train", "--input", good, "--out", ""}, exitUsage, "--out is empty"},
		"error - text as weights":      {[]string{"generate", "--weights", good, "--out", out}, exitFailed, "not a usable weights file"},
		"error - weights empty":        {[]string{"generate", "--weights", empty, "--out", out}, exitFailed, "not a usable weights file"},
		"error - length zero":          {[]string{"generate", "--weights", good, "--length", "0"}, exitUsage, "--length"},
		"error - length huge":          {[]string{"generate", "--weights", good, "--length", "1000001"}, exitUsage, "--length"},
		"error - temperature negative": {[]string{"generate", "--weights", good, "--temperature", "-1"}, exitUsage, "--temperature"},
		"error - temperature NaN":      {[]string{"generate", "--weights", good, "--temperature", "NaN"}, exitUsage, "--temperature"},
		"error - prompt not UTF-8":     {[]string{"generate", "--weights", good, "--prompt", "\xff"}, exitUsage, "--prompt"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := charlm(c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.says)
			require.NoFileExists(t, out, "nothing is written for bad input")
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"train", "-h"}, {"generate", "--help"}} {
		code, stdout, stderr := charlm(args...)
		require.Equal(t, exitOK, code)
		require.Contains(t, stdout, "charlm")
		require.Contains(t, stdout, "seed")
		require.Empty(t, stderr)
	}
}

func TestUnknownPromptCharactersAreNamed(t *testing.T) {
	input, dir := write(t, prose(2000)), t.TempDir()
	weights := filepath.Join(dir, "w")
	code, _, stderr := charlm("train", "--input", input, "--out", weights, "--steps", "2", "--min-margin", "-9")
	require.Equal(t, exitOK, code, stderr)
	code, stdout, stderr := charlm("generate", "--weights", weights, "--out", filepath.Join(dir, "t"), "--prompt", "a🙂", "--length", "5")
	require.Equal(t, exitOK, code)
	require.Contains(t, stderr, `"🙂"`)
	require.True(t, strings.HasPrefix(stdout, "a🙂"))
}
