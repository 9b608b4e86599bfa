package runtime

import (
	"context"
	"io"
)

// Server is a runtime that runs programs as services: they live on, and speak on
// their standard input and output.
type Server interface {
	// Name is the runtime's, as Runtime has it.
	Name() string
	// Serve runs a task as Run does, with these differences. The program reads
	// stdin and writes stdout; Task.Log receives its stderr alone. Without
	// Limits.Duration it runs until the context ends, or until it ends by itself,
	// as it should at the end of stdin. What it leaves in /out is thrown away:
	// OutputDir only says where on the host there is room meanwhile.
	//
	// Serve closes both ends before it returns, also in the middle of a Read or a
	// Write: these must return then, as a pipe's do. It may run the same task
	// several times at once.
	Serve(ctx context.Context, t Task, stdin io.ReadCloser, stdout io.WriteCloser) (Result, error)
}
