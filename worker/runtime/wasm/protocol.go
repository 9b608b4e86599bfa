package wasm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/edgematrix/emc/worker/runtime"
)

// protocolVersion changes with the shape of job or report, so that a worker
// never misreads a child of another build.
const protocolVersion = 2

// The child's file descriptors. Its standard input carries the job and stays
// open as the lifeline: when it closes, the parent is gone.
const (
	fdLifeline = 0
	fdLog      = 1 // stdout and stderr of the program, of a service stderr alone
	fdReport   = 3 // reports to the parent
	fdStdin    = 4 // of a service
	fdStdout   = 5
)

// maxJobBytes and maxReportBytes bound what either side reads from the other.
const (
	maxJobBytes    = 64 << 20
	maxReportBytes = 64 << 10
)

// job is what the parent asks of the child. The child's working directory
// holds one directory, outDirName, that backs /out.
type job struct {
	Version        int
	Artifact       string
	ArtifactSHA256 string
	Args           []string
	Env            []string
	Inputs         []runtime.File
	Limits         runtime.Limits
	CacheDir       string // empty: do not cache
	CompileOnly    bool   // fill the cache and run nothing
	Service        bool   // the program's own input and output are there
}

const outDirName = "out"

// pageBytes is WebAssembly's page, the unit in which memory grows.
const pageBytes = 64 << 10

// phase orders the reports of one child.
type phase string

const (
	phaseStarted phase = "started" // the program is about to run
	phaseDone    phase = "done"    // the last report
)

// report is one JSON line from the child.
type report struct {
	Phase    phase
	Reason   runtime.Reason `json:",omitempty"`
	ExitCode int            `json:",omitempty"`
	Message  string         `json:",omitempty"`
	Detail   string         `json:",omitempty"` // for the operator
	Compiled bool           `json:",omitempty"` // not taken from the cache
	Peak     int64          `json:",omitempty"` // greatest resident memory in bytes
}

func writeJob(w io.Writer, j job) error {
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if len(body) > maxJobBytes {
		return fmt.Errorf("the job's description has %d bytes, at most %d are allowed", len(body), maxJobBytes)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(body))), body...))
	return err
}

func readJob(r io.Reader) (job, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return job{}, fmt.Errorf("the job's description ended early: %w", err)
	}
	size := binary.BigEndian.Uint64(head[:])
	if size > maxJobBytes {
		return job{}, errors.New("standard input holds no job; this command is for the worker's own use")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return job{}, fmt.Errorf("the job's description ended early: %w", err)
	}
	var j job
	if err := json.Unmarshal(body, &j); err != nil {
		return job{}, fmt.Errorf("the job's description cannot be read: %w", err)
	}
	if j.Version != protocolVersion {
		return job{}, fmt.Errorf("the job has version %d, this binary speaks %d; restart the worker after its upgrade", j.Version, protocolVersion)
	}
	return j, nil
}

// reports is what a child has told.
type reports struct {
	started bool
	done    *report
}

// readReports reads to the end of r. It believes nothing but well-formed
// lines, since a broken program may have ended the child anywhere.
func readReports(r io.Reader) reports {
	var got reports
	dec := json.NewDecoder(io.LimitReader(r, maxReportBytes))
	for {
		var rep report
		if err := dec.Decode(&rep); err != nil {
			return got
		}
		switch rep.Phase {
		case phaseStarted:
			got.started = true
		case phaseDone:
			got.done = &rep
		}
	}
}
