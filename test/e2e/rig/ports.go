package rig

import (
	"context"
	"strings"
	"time"
)

// untilPortsAreFree starts a program again when somebody else had its port. A
// free port is chosen a moment before it is used, and one that a killed program
// comes back to may serve a connection of another in between.
func untilPortsAreFree(ctx context.Context, start func() (*Process, error)) error {
	for {
		p, err := start()
		if err == nil || p == nil || !strings.Contains(p.Output(), "address already in use") {
			return err
		}
		again := time.NewTimer(time.Second)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}
