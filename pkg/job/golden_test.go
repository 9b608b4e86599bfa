package job_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata")

type vector struct {
	Name          string `json:"name"`
	Spec          string `json:"spec,omitempty"`   // canonical bytes
	Result        string `json:"result,omitempty"` // canonical bytes
	Salt          string `json:"salt"`
	SpecDigest    string `json:"spec_digest,omitempty"`
	InputsDigest  string `json:"inputs_digest,omitempty"`
	ResultDigest  string `json:"result_digest,omitempty"`
	ReceiptDigest string `json:"receipt_digest,omitempty"` // salted
}

func salt(b byte) job.Salt { return job.Salt(bytes.Repeat([]byte{b}, 32)) }

func digestOf(t *testing.T, s string) string {
	t.Helper()
	d, err := job.LogDigest(bytes.NewReader([]byte(s)))
	require.NoError(t, err)
	return d.String()
}

func sampleSpec(t *testing.T) job.Spec {
	return job.Spec{
		Version: 1, ChainID: "emc-local-1", App: "charlm", AppDigest: digestOf(t, "app"),
		Args: []string{"train", "--text", "/in/a <b> & \"c\"", "ü\n\u2028"}, Env: []string{"A=1", "B=x=y"},
		Inputs: []job.File{
			{Path: "a.txt", Size: 1, SHA256: digestOf(t, "a")},
			{Path: "dir/b.txt", Size: 2, SHA256: digestOf(t, "bb")},
			{Path: "dir/empty", Size: 0, SHA256: digestOf(t, "")},
		},
		Limits: job.DefaultLimits(), MaxSeconds: 600,
	}
}

func sampleResult(t *testing.T) job.Result {
	return job.Result{
		Version: 1, ChainID: "emc-local-1", JobID: "000102030405060708090a0b0c0d0e0f",
		Reason: job.ReasonExited, ExitCode: 0, Message: "the app ended by itself",
		Outputs: []job.File{{Path: "model.bin", Size: 5, SHA256: digestOf(t, "model")}},
		LogSize: 3, LogSHA256: digestOf(t, "log"), WallMillis: 1500, CPUMillis: 1400, PeakMemoryBytes: 64 << 20,
	}
}

func specVector(t *testing.T, name string, s job.Spec, sl job.Salt) vector {
	data, err := job.MarshalSpec(s)
	require.NoError(t, err)
	inputs, err := job.InputsDigest(sl, s.Inputs)
	require.NoError(t, err)
	return vector{Name: name, Spec: string(data), Salt: sl.String(), SpecDigest: job.SpecDigest(sl, data).String(), InputsDigest: inputs.String()}
}

func resultVector(t *testing.T, name string, r job.Result, sl job.Salt) vector {
	data, err := job.MarshalResult(r)
	require.NoError(t, err)
	d := job.ResultDigest(data)
	return vector{Name: name, Result: string(data), Salt: sl.String(), ResultDigest: d.String(), ReceiptDigest: job.Salted(d, sl).String()}
}

func TestGolden(t *testing.T) {
	minimal := sampleSpec(t)
	minimal.Args, minimal.Env, minimal.Inputs = nil, nil, nil
	failed := sampleResult(t)
	failed.Outputs, failed.Reason, failed.ExitCode, failed.Message = nil, job.ReasonDeadline, -1, "longer than \"600\" s"
	got := []vector{
		specVector(t, "spec with everything", sampleSpec(t), salt(1)),
		specVector(t, "spec without args, env and inputs", minimal, salt(2)),
		resultVector(t, "result", sampleResult(t), salt(3)),
		resultVector(t, "result of a failed run", failed, salt(4)),
	}
	path := filepath.Join("testdata", "vectors.json")
	if *update {
		data, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var want []vector
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, got, "a format changed: every digest that stands on a chain depends on it")

	for _, v := range want { // the other direction
		if v.Spec != "" {
			s, err := job.UnmarshalSpec([]byte(v.Spec))
			require.NoError(t, err)
			again, err := job.MarshalSpec(s)
			require.NoError(t, err)
			require.Equal(t, v.Spec, string(again))
		}
		if v.Result != "" {
			_, err := job.UnmarshalResult([]byte(v.Result))
			require.NoError(t, err)
		}
	}
}
