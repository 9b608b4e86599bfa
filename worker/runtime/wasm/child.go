package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"sync"

	"github.com/edgematrix/emc/worker/runtime"
)

// maxArtifactBytes bounds what the child loads to compile.
const maxArtifactBytes = 256 << 20

// childCores bounds the processors that the child's own Go runtime uses: a
// program has one thread, the compiler and the collector some more.
const childCores = 4

// Child is the whole life of the child process: the hidden subcommand calls it
// and exits with its answer. It reads one job from standard input, runs it, and
// reports on file descriptor 3. It takes over the process: it sets rlimits and
// may exit before it returns.
func Child() int {
	reporter := &reporter{w: os.NewFile(fdReport, "report")}
	reporter.status, _ = os.Open("/proc/self/status")
	if reporter.w == nil {
		fmt.Fprintln(os.Stderr, "this command is for the worker's own use")
		return 2
	}
	j, err := readJob(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := watchLifeline(); err != nil {
		reporter.internal("cannot watch the parent process", err)
		return 0
	}
	goruntime.GOMAXPROCS(min(childCores, goruntime.NumCPU()))
	if err := limitProcess(j.Limits); err != nil {
		reporter.internal("cannot set the process limits", err)
		return 0
	}
	reporter.done(runJob(context.Background(), j, reporter))
	return 0
}

// reporter tells the parent what became of the job, once.
type reporter struct {
	w      *os.File
	status *os.File // /proc/self/status, opened while files can be opened
	once   sync.Once

	fresh bool // the program was compiled for this job
}

func (r *reporter) started() { r.write(report{Phase: phaseStarted}) }

func (r *reporter) done(v verdict) {
	r.once.Do(func() {
		r.write(report{
			Phase: phaseDone, Reason: v.reason, ExitCode: v.exitCode,
			Message: v.message, Detail: clip(v.detail, 8<<10), Compiled: r.fresh,
			Peak: peakIn(r.status),
		})
	})
}

func (r *reporter) internal(doing string, err error) {
	r.done(internalFault(doing, err))
}

// abort reports and ends the process, from within the program's own call.
func (r *reporter) abort(v verdict) {
	r.done(v)
	os.Exit(0)
}

func (r *reporter) write(rep report) {
	line, err := json.Marshal(rep)
	if err == nil {
		_, err = r.w.Write(append(line, '\n'))
	}
	if err != nil {
		// Without a parent there is nobody to report to, nor to work for.
		os.Exit(1)
	}
}

func internalFault(doing string, err error) verdict {
	return verdict{
		reason:   runtime.ReasonInternal,
		exitCode: -1,
		message:  "the worker could not run the job: " + doing,
		detail:   fmt.Sprintf("%s: %v", doing, err),
	}
}

func runJob(ctx context.Context, j job, rep *reporter) verdict {
	code, err := loadArtifact(j.Artifact, j.ArtifactSHA256)
	if err != nil {
		return internalFault("its program cannot be read", err)
	}
	program, err := compile(ctx, code, j.ArtifactSHA256, j.CacheDir)
	if err != nil {
		return badProgram(err)
	}
	rep.fresh = program.fresh
	if j.CompileOnly {
		return verdict{reason: runtime.ReasonExited}
	}
	if program.fresh {
		debug.FreeOSMemory() // the compiler's garbage is not the program's memory
	}
	return execute(ctx, j, program, rep)
}

// loadArtifact reads the program and checks its digest: between the caller's
// check and now the file may have changed, and the cache is keyed by it.
func loadArtifact(path, wantSHA256 string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxArtifactBytes {
		return nil, fmt.Errorf("expected a regular file of at most %d bytes, got %v of %d", maxArtifactBytes, st.Mode(), st.Size())
	}
	code, err := io.ReadAll(io.LimitReader(f, maxArtifactBytes))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(code); hex.EncodeToString(sum[:]) != wantSHA256 {
		return nil, fmt.Errorf("expected digest %s, got %x", wantSHA256, sum)
	}
	return code, nil
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
