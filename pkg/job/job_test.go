package job_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
)

func TestDigestsAreAsDocumented(t *testing.T) {
	data, err := job.MarshalSpec(sampleSpec(t))
	require.NoError(t, err)
	s := salt(9)
	require.Equal(t, job.Digest(sha256.Sum256([]byte("emc/job/spec/1"+string(s[:])+string(data)))), job.SpecDigest(s, data))
	r := job.ResultDigest(data)
	require.Equal(t, job.Digest(sha256.Sum256([]byte("emc/job/result/1"+string(data)))), r)
	require.Equal(t, job.Digest(sha256.Sum256([]byte(string(r[:])+string(s[:])))), job.Salted(r, s))
	in, err := job.InputsDigest(s, nil)
	require.NoError(t, err)
	require.Equal(t, job.Digest(sha256.Sum256([]byte("emc/job/inputs/1"+string(s[:])+"[]"))), in)
}

func TestVerify(t *testing.T) {
	v := specVector(t, "", sampleSpec(t), salt(1))
	sd, err := job.ParseDigest(v.SpecDigest)
	require.NoError(t, err)
	id, err := job.ParseDigest(v.InputsDigest)
	require.NoError(t, err)
	_, err = job.VerifySpec([]byte(v.Spec), salt(1), sd, id)
	require.NoError(t, err)
	_, err = job.VerifySpec([]byte(v.Spec), salt(2), sd, id)
	require.ErrorIs(t, err, job.ErrDigest)
	_, err = job.VerifySpec([]byte(v.Spec), salt(1), sd, job.Digest{})
	require.ErrorIs(t, err, job.ErrDigest)

	r := resultVector(t, "", sampleResult(t), salt(1))
	rd, err := job.ParseDigest(r.ReceiptDigest)
	require.NoError(t, err)
	_, err = job.VerifyResult([]byte(r.Result), salt(1), rd)
	require.NoError(t, err)
	_, err = job.VerifyResult([]byte(r.Result+" "), salt(1), rd)
	require.ErrorIs(t, err, job.ErrDigest)
}

func TestOnlyTheCanonicalFormIsRead(t *testing.T) {
	data, err := job.MarshalSpec(sampleSpec(t))
	require.NoError(t, err)
	for name, change := range map[string]func(string) string{
		"white space":     func(s string) string { return strings.Replace(s, ":", ": ", 1) },
		"new line behind": func(s string) string { return s + "\n" },
		"bytes behind":    func(s string) string { return s + "{}" },
		"unknown field":   func(s string) string { return strings.Replace(s, "{", `{"x":1,`, 1) },
		"field twice":     func(s string) string { return strings.Replace(s, "{", `{"version":1,`, 1) },
		"other case":      func(s string) string { return strings.Replace(s, `"app"`, `"App"`, 1) },
		"other order":     func(s string) string { return strings.Replace(s, `"args":[`, `"max_seconds":600,"args":[`, 1) },
		"escaped":         func(s string) string { return strings.Replace(s, "<b>", `\u003cb>`, 1) },
		"float":           func(s string) string { return strings.Replace(s, `"max_seconds":600`, `"max_seconds":600.0`, 1) },
		"exponent":        func(s string) string { return strings.Replace(s, `"max_seconds":600`, `"max_seconds":6e2`, 1) },
		"null list":       func(s string) string { return strings.Replace(s, `"env":["A=1","B=x=y"]`, `"env":null`, 1) },
		"version 2":       func(s string) string { return strings.Replace(s, `"version":1`, `"version":2`, 1) },
		"invalid UTF-8":   func(s string) string { return strings.Replace(s, "train", "tr\xffin", 1) },
		"not JSON":        func(string) string { return "spec" },
		"nothing":         func(string) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := change(string(data))
			require.NotEqual(t, string(data), changed)
			_, err := job.UnmarshalSpec([]byte(changed))
			require.Error(t, err)
		})
	}
}

func TestSpecBounds(t *testing.T) {
	file := func(path string, size int64) job.File {
		return job.File{Path: path, Size: size, SHA256: digestOf(t, fmt.Sprint(path, size))}
	}
	for name, change := range map[string]func(*job.Spec){
		"no chain id":           func(s *job.Spec) { s.ChainID = "" },
		"long chain id":         func(s *job.Spec) { s.ChainID = strings.Repeat("x", 65) },
		"no app":                func(s *job.Spec) { s.App = "" },
		"app with a space":      func(s *job.Spec) { s.App = "a b" },
		"upper-case digest":     func(s *job.Spec) { s.AppDigest = strings.ToUpper(s.AppDigest) },
		"short digest":          func(s *job.Spec) { s.AppDigest = s.AppDigest[2:] },
		"NUL in an argument":    func(s *job.Spec) { s.Args = []string{"a\x00b"} },
		"bad UTF-8 in argument": func(s *job.Spec) { s.Args = []string{"\xff"} },
		"long argument":         func(s *job.Spec) { s.Args = []string{strings.Repeat("x", job.MaxArgBytes+1)} },
		"many arguments":        func(s *job.Spec) { s.Args = make([]string, job.MaxArgs+1) },
		"env without value":     func(s *job.Spec) { s.Env = []string{"A"} },
		"env without key":       func(s *job.Spec) { s.Env = []string{"=x"} },
		"env unsorted":          func(s *job.Spec) { s.Env = []string{"B=1", "A=1"} },
		"env twice":             func(s *job.Spec) { s.Env = []string{"A=1", "A=2"} },
		"inputs unsorted":       func(s *job.Spec) { s.Inputs = []job.File{file("b", 1), file("a", 1)} },
		"input twice":           func(s *job.Spec) { s.Inputs = []job.File{file("a", 1), file("a", 1)} },
		"file and directory":    func(s *job.Spec) { s.Inputs = []job.File{file("a", 1), file("a.b", 1), file("a/c", 1)} },
		"negative size":         func(s *job.Spec) { s.Inputs = []job.File{file("a", -1)} },
		"huge size":             func(s *job.Spec) { s.Inputs = []job.File{file("a", 1<<62)} },
		"empty with wrong sum":  func(s *job.Spec) { s.Inputs = []job.File{file("a", 0)} },
		"one digest, two sizes": func(s *job.Spec) { a := file("a", 1); b := a; b.Path, b.Size = "b", 2; s.Inputs = []job.File{a, b} },
		"zero memory":           func(s *job.Spec) { s.Limits.MemoryBytes = 0 },
		"negative output":       func(s *job.Spec) { s.Limits.OutputBytes = -1 },
		"too many output files": func(s *job.Spec) { s.Limits.OutputFiles = job.MaxOutputFiles + 1 },
		"too much log":          func(s *job.Spec) { s.Limits.LogBytes = job.MaxLogBytes + 1 },
		"no time":               func(s *job.Spec) { s.MaxSeconds = 0 },
		"too much time":         func(s *job.Spec) { s.MaxSeconds = job.MaxSeconds + 1 },
		"version":               func(s *job.Spec) { s.Version = 0 },
		"longer than 64 KiB": func(s *job.Spec) {
			s.Args = strings.Split(strings.Repeat("0123456789,", 10)[:109], ",")
			for len(s.Args) < 200 {
				s.Args = append(s.Args, strings.Repeat("x", 400))
			}
		},
		"more than 1,000 inputs": func(s *job.Spec) {
			s.Inputs = nil
			for i := range 1001 {
				s.Inputs = append(s.Inputs, file(fmt.Sprintf("%04d", i), 1))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sampleSpec(t)
			change(&s)
			_, err := job.MarshalSpec(s)
			require.Error(t, err)
		})
	}
}

func TestCheckPath(t *testing.T) {
	for _, good := range []string{"a", "a/b", ".hidden", "..a", "a..", "ü/日本", strings.Repeat("x", 255), strings.Repeat("a/", 15) + "a"} {
		require.NoError(t, job.CheckPath(good), good)
	}
	for _, bad := range []string{
		"", "/", "/a", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", "a\x00b", "a\\b", "a\x1b[31m", "a\u009bb",
		"\xff", strings.Repeat("x", 256), strings.Repeat("a/", 16) + "a", strings.Repeat("abcdefghi/", 60),
	} {
		require.Error(t, job.CheckPath(bad), "%q", bad)
	}
}

func TestCheckID(t *testing.T) {
	require.NoError(t, job.CheckID("000102030405060708090a0b0c0d0e0f"))
	for _, bad := range []string{"", "..", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0f0", "000102030405060708090A0B0C0D0E0F", "../../../../../../../../etc/pass"} {
		require.Error(t, job.CheckID(bad), bad)
	}
}

func TestResultBounds(t *testing.T) {
	for name, change := range map[string]func(*job.Result){
		"job id":           func(r *job.Result) { r.JobID = "x" },
		"reason":           func(r *job.Result) { r.Reason = "Bad reason" },
		"traversal":        func(r *job.Result) { r.Outputs[0].Path = "../x" },
		"negative log":     func(r *job.Result) { r.LogSize = -1 },
		"time above 2^53":  func(r *job.Result) { r.WallMillis = job.MaxInt + 1 },
		"long message":     func(r *job.Result) { r.Message = strings.Repeat("x", job.MaxMessageBytes+1) },
		"log digest":       func(r *job.Result) { r.LogSHA256 = "" },
		"negative memory":  func(r *job.Result) { r.PeakMemoryBytes = -1 },
		"too many outputs": func(r *job.Result) { r.Outputs = make([]job.File, job.MaxOutputFiles+1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := sampleResult(t)
			change(&r)
			_, err := job.MarshalResult(r)
			require.Error(t, err)
		})
	}
}

func FuzzUnmarshalSpec(f *testing.F) {
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"chain_id":"c","app":"a","app_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","args":[],"env":[],"inputs":[],"limits":{"memory_bytes":1048576,"output_bytes":1,"output_files":1,"log_bytes":1},"max_seconds":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := job.UnmarshalSpec(data)
		if err != nil {
			return
		}
		again, err := job.MarshalSpec(s)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}
