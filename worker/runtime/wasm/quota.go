package wasm

import (
	"fmt"

	"github.com/edgematrix/emc/worker/runtime"
)

// verdict ends a run from inside a file system or another host function.
type verdict struct {
	reason   runtime.Reason
	exitCode int
	message  string // for the customer
	detail   string // for the operator
}

// abortFunc reports a verdict and ends the child. It does not return: what the
// program might do after it went past a limit is of no interest.
type abortFunc func(verdict)

// quota counts what /out holds. Everything is charged before it happens, so
// that the host never holds more than the limit, not even for a moment.
type quota struct {
	bytes, maxBytes int64
	nodes, maxNodes int
	abort           abortFunc
}

func (q *quota) chargeBytes(n int64) {
	if n > q.maxBytes-q.bytes {
		q.abort(verdict{
			reason:   runtime.ReasonOutput,
			exitCode: -1,
			message:  fmt.Sprintf("the program went past its output limit of %d bytes; ask for more or write less to %s", q.maxBytes, runtime.OutDir),
		})
		return
	}
	q.bytes += n
}

func (q *quota) chargeNode() {
	if q.nodes >= q.maxNodes {
		q.abort(verdict{
			reason:   runtime.ReasonOutput,
			exitCode: -1,
			message:  fmt.Sprintf("the program went past its limit of %d files and directories in %s; ask for more or pack the files into one", q.maxNodes, runtime.OutDir),
		})
		return
	}
	q.nodes++
}

func (q *quota) refundBytes(n int64) { q.bytes -= n }
func (q *quota) refundNode()         { q.nodes-- }

// maxDescriptors is how many files and directories a program may hold open at
// once. The rlimit of the child lies above it.
const maxDescriptors = 512

// descriptors counts what a program holds open, over /in and /out together.
type descriptors struct {
	open int
}

func (d *descriptors) take() bool {
	if d.open >= maxDescriptors {
		return false
	}
	d.open++
	return true
}

func (d *descriptors) give() { d.open-- }
