package reconcile

import (
	"fmt"

	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// refusal says in words why a job cannot be run on this machine.
func (l *Loop) refusal(j *computetypes.Job, s jobstore.Job) string {
	if _, ok := l.cfg.Runtimes[j.Runtime]; !ok {
		return fmt.Sprintf("this worker has no runtime %q", j.Runtime)
	}
	if need := runtime.Tier(j.Requirements.MinIsolation); need > l.cfg.Isolation {
		return fmt.Sprintf("the job needs isolation tier %d, this worker measured %d at its start", need, l.cfg.Isolation)
	}
	if !live(s.Phase) {
		return ""
	}
	spec, err := l.cfg.Store.Spec(s.ID)
	if err != nil {
		l.cfg.Logger.Error("a job's specification cannot be read", "job", s.ID, "error", err)
		return "the worker cannot read the job's specification any more"
	}
	if most := l.cfg.SlotMemory(); most > 0 && spec.Limits.MemoryBytes > most {
		return fmt.Sprintf("the job may use %d bytes of memory, a slot of this worker has %d", spec.Limits.MemoryBytes, most)
	}
	if spec.Egress && !l.cfg.Egress {
		return "this worker gives jobs no way to the internet"
	}
	return ""
}

func has(d Decision, a Action) bool {
	for _, b := range d.Actions {
		if a == b {
			return true
		}
	}
	return false
}
