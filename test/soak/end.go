package soak

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// end ends a program as a service manager does, by SIGTERM. One that does not
// end is made to say what its goroutines wait for before it is killed.
func end(name string, p *rig.Process, grace time.Duration) error {
	select {
	case <-p.Done():
		return fmt.Errorf("the %s had ended by itself: %w\n%s", name, errors.Join(rig.ErrEnded, p.Err()), rig.Tail(p.Output(), 10))
	default:
	}
	_ = syscall.Kill(p.PID(), syscall.SIGTERM) // it may be ending this very moment
	if ended(p, grace) {
		if err := p.Err(); err != nil {
			return fmt.Errorf("the %s did not end as it should: %w\n%s", name, err, rig.Tail(p.Output(), 10))
		}
		return nil
	}
	before := len(p.Output())
	_ = syscall.Kill(p.PID(), syscall.SIGQUIT)
	ended(p, 20*time.Second)
	p.Kill()
	return fmt.Errorf("the %s did not end within %s of SIGTERM; it was waiting for:\n%s", name, grace, p.Output()[before:])
}

func ended(p *rig.Process, within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.Done():
		return true
	case <-t.C:
		return false
	}
}
