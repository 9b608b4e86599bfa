// Package runtime is what the worker asks of anything that executes a
// customer's program: one task in, one bounded and supervised run, one result
// out. worker/runtime/wasm is the embedded default.
//
// A runtime never trusts the program it runs. It shows the program two
// directories, /in (read-only, exactly the listed inputs) and /out (bounded),
// and nothing else of the host.
package runtime

import (
	"context"
	"io"
	"time"
)

// Where a program finds its inputs and leaves its outputs.
const (
	InDir  = "/in"
	OutDir = "/out"
)

// File is a regular file that enters or leaves a task.
type File struct {
	// Path is slash-separated and relative: inside /in for an input, inside
	// /out for an output.
	Path string
	// Host is the absolute path of the same bytes on the host.
	Host string
	// Size is the length in bytes.
	Size int64
	// SHA256 is the digest of the content, 64 lower-case hex digits.
	SHA256 string
}

// Limits bound one run. Every field but CPUs must be above zero.
type Limits struct {
	// Duration bounds the whole run, from Run's first act to the end of the
	// program, compilation included. A service may have none.
	Duration time.Duration
	// MemoryBytes bounds the memory that the program can hold.
	MemoryBytes int64
	// OutputBytes bounds the sum of the sizes of all files in /out at any time.
	OutputBytes int64
	// OutputFiles bounds the number of files and directories in /out at any time.
	OutputFiles int
	// CPUs bounds the processors that the program can use; zero means one. The
	// wasm runtime has one thread and does not look at it.
	CPUs float64
	// LogBytes bounds what reaches Task.Log. A longer log is cut, with one line
	// that says so; the program goes on.
	LogBytes int64
}

// Task is one program with everything that it may see.
type Task struct {
	// ID names the task in logs and labels. It is never used as a path.
	ID string
	// Artifact is the absolute host path of the app's artifact. The caller has
	// already verified it against ArtifactSHA256.
	Artifact string
	// ArtifactSHA256 is 64 lower-case hex digits.
	ArtifactSHA256 string
	// Image, for the docker runtime, is the repository from which the app is
	// pulled as Image@sha256:ArtifactSHA256; Artifact is empty then.
	Image string
	// Egress gives the program a filtered way to the internet. Without it there
	// is no network at all.
	Egress bool
	// Args are the program's arguments, without the program's own name.
	Args []string
	// Env is the program's whole environment, as KEY=VALUE.
	Env []string
	// Inputs appear under /in. The caller has verified their digests.
	Inputs []File
	// OutputDir is an absent or empty host directory with an existing parent;
	// the regular files of /out land here.
	OutputDir string
	// Log receives stdout and stderr of the program, in the order written. Nil
	// discards them. Write is called from one goroutine and must not block for
	// long: the program waits for it. Run returns after the last Write.
	Log io.Writer
	// Limits bound the run.
	Limits Limits
}

// Reason says why a run ended.
type Reason string

// The reasons for the end of a run.
const (
	// ReasonExited: the program ended by itself, also by a crash of its own.
	ReasonExited Reason = "exited"
	// ReasonDeadline: Limits.Duration had passed.
	ReasonDeadline Reason = "deadline"
	// ReasonMemory: the program failed after it was refused more memory.
	ReasonMemory Reason = "memory"
	// ReasonOutput: the program went past OutputBytes or OutputFiles.
	ReasonOutput Reason = "output"
	// ReasonKilled: the context given to Run was cancelled.
	ReasonKilled Reason = "killed"
	// ReasonInternal: the worker's fault, not the customer's.
	ReasonInternal Reason = "internal"
)

// CrashExitCode is the ExitCode of a program that ended by a trap (stack
// overflow, unreachable code, access out of bounds) rather than by an exit
// code of its own: 128 + SIGABRT, as a shell shows an aborted process.
const CrashExitCode = 134

// Result is what came of a run.
type Result struct {
	Reason Reason
	// ExitCode is the program's own, CrashExitCode after a trap, and -1 when
	// the runtime ended the program.
	ExitCode int
	// Message tells the customer in plain words what happened. It holds no path
	// of the host.
	Message string
	// Wall and CPU are the time that the run took, CPU over all cores.
	Wall, CPU time.Duration
	// PeakMemory is the greatest resident memory of the run in bytes, the
	// runtime's own share included.
	PeakMemory int64
	// Outputs are the regular files of /out, sorted by path, sized and hashed,
	// with Host inside OutputDir. They are given for every reason but killed and
	// internal: what a program had written at its deadline is the customer's.
	Outputs []File
}

// Runtime runs tasks. It may be used by several goroutines at once.
type Runtime interface {
	// Name is the name under which apps ask for the runtime, such as "wasm".
	Name() string
	// Check says whether a task can run on this host at all, by running a tiny
	// one end to end. Its error tells the operator what to do.
	Check(ctx context.Context) error
	// Isolation measures, by running something, what separates a program from
	// this host. Words say what was found.
	Isolation(ctx context.Context) (tier Tier, words string, err error)
	// Run executes a task and returns when nothing of it is left running.
	//
	// The error is for the worker: it is nil whenever the program was run, no
	// matter how it ended. A task that breaks the rules fails with ErrInvalid
	// before anything is written; any other error comes with ReasonInternal.
	Run(ctx context.Context, t Task) (Result, error)
}
