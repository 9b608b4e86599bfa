package reconcile

import (
	"crypto/rand"
	"strings"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// exitReason is why a run ended in the chain's words. What the runtime could
// not do, or what this worker stopped, is the worker's fault: the customer is
// refunded.
func exitReason(r string) computetypes.ExitReason {
	switch r {
	case job.ReasonExited:
		return computetypes.EXIT_REASON_EXITED
	case job.ReasonDeadline:
		return computetypes.EXIT_REASON_DEADLINE
	case job.ReasonMemory:
		return computetypes.EXIT_REASON_MEMORY
	case job.ReasonOutput:
		return computetypes.EXIT_REASON_OUTPUT
	}
	return computetypes.EXIT_REASON_WORKER
}

func receiptOf(o jobstore.Outcome) (computetypes.Receipt, error) {
	log, err := job.ParseDigest(o.Result.LogSHA256)
	if err != nil {
		return computetypes.Receipt{}, err
	}
	r := o.Result
	return computetypes.Receipt{
		Reason: exitReason(r.Reason), ExitCode: int32(r.ExitCode),
		ResultDigest: o.ReceiptDigest().Bytes(), LogDigest: log.Bytes(),
		Usage: computetypes.Usage{
			WallMilliseconds: uint64(r.WallMillis), CpuMilliseconds: uint64(r.CPUMillis),
			PeakMemoryBytes: uint64(r.PeakMemoryBytes), OutputBytes: uint64(r.OutputBytes()),
		},
	}, nil
}

// emptyReceipt is for a job of which nothing is left on this machine.
func emptyReceipt(chainID, id string, run runtime.Result) (computetypes.Receipt, error) {
	log, err := job.LogDigest(strings.NewReader(""))
	if err != nil {
		return computetypes.Receipt{}, err
	}
	result := job.Result{
		Version: job.ResultVersion, ChainID: chainID, JobID: id, Reason: string(run.Reason),
		ExitCode: int64(run.ExitCode), Message: run.Message, LogSHA256: log.String(),
	}
	data, err := job.MarshalResult(result)
	if err != nil {
		return computetypes.Receipt{}, err
	}
	salt, err := job.NewSalt(rand.Reader)
	if err != nil {
		return computetypes.Receipt{}, err
	}
	return receiptOf(jobstore.Outcome{Result: result, Bytes: data, Salt: salt})
}
