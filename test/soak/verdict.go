package soak

import (
	"fmt"
	"slices"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Patience is how long the parties of a job may be away in all before it may
// fail: no window of the network is shorter (see config).
const Patience = 5 * time.Second

// Away is how long each was away during a schedule, as it was measured: from
// the blow until the program served again.
type Away struct{ Worker, Chain, Customer time.Duration }

// Sum of all.
func (a Away) Sum() time.Duration { return a.Worker + a.Chain + a.Customer }

// Judge tells whether a closed job came to an end that its schedule allows, with
// the right price to the last uemc.
func Judge(s Schedule, j rig.Job, away Away) error {
	ends := []string{rig.Completed}
	served := away.Worker + away.Chain // the customer alone cannot make a worker fail
	switch s.Then {
	case Cancels:
		ends = append(ends, rig.Cancelled)
	case Leaves:
		ends = append(ends, rig.Expired)
		served = away.Sum() // without him a job is passed on when it is not acknowledged
	}
	if served >= forgiven(s.Task, j) {
		ends = append(ends, rig.Failed)
	}
	if away.Sum() >= Patience {
		ends = append(ends, rig.Expired)
	}
	if !slices.Contains(ends, j.Status) {
		return fmt.Errorf("job %s ended as %s (%s), which this schedule does not allow: all were away for %s only", j.ID, j.Word(), j.Reason, away.Sum().Round(time.Millisecond))
	}
	if j.Paid.Amount+j.Refunded.Amount != j.MaxPrice.Amount {
		return fmt.Errorf("job %s paid %d and refunded %d of %d uemc", j.ID, j.Paid.Amount, j.Refunded.Amount, j.MaxPrice.Amount)
	}
	if want := price(j); want != int64(j.Paid.Amount) {
		return fmt.Errorf("job %s is %s and paid %d uemc, expected %d", j.ID, j.Word(), j.Paid.Amount, want)
	}
	return judgeReceipt(s.Task, j)
}

// forgiven is how long the parties must have been away for a job to fail. Once
// it runs, its worker has the ordered time and half of the receipt window to
// come back, run it again and say so; half of that is left for a slow machine.
// A run that an interrupted worker forgets is not forgiven.
func forgiven(t Task, j rig.Job) time.Duration {
	if j.StartedAt == 0 {
		return Patience
	}
	return (t.MaxTime + receiptWindow*time.Second/2) / 2
}

func judgeReceipt(t Task, j rig.Job) error {
	if j.Status != rig.Completed {
		return nil
	}
	if j.Receipt == nil {
		return fmt.Errorf("job %s is completed without a receipt", j.ID)
	}
	if j.Receipt.Reason != t.Reason || (t.Reason == exited && j.Receipt.ExitCode != t.ExitCode) {
		return fmt.Errorf("job %s: its run ended as %s with exit code %d, expected %s with %d", j.ID, j.Receipt.Reason, j.Receipt.ExitCode, t.Reason, t.ExitCode)
	}
	return nil
}

// price is what a closed job costs, by the rules of x/compute's README: by the
// second, the least of what was measured, what the chain saw and what was
// ordered; at least the minimum fee.
func price(j rig.Job) int64 {
	var seconds int64
	switch j.Status {
	case rig.Expired:
		return reservationFee
	case rig.Cancelled:
		if j.StartedAt == 0 {
			return reservationFee
		}
		seconds = min(int64(j.MaxSeconds), int64(j.ClosedAt-j.StartedAt))
	case rig.Completed:
		wall := int64(j.Receipt.Usage.WallMillis)
		seconds = min(wall/1000+min(wall%1000, 1), int64(j.FinishedAt-j.StartedAt), int64(j.MaxSeconds))
	default:
		return 0
	}
	return min(max(int64(j.SlotHourPrice.Amount)*seconds/3600, minimumFee), int64(j.MaxPrice.Amount))
}
