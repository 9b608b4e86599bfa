package daemon

import (
	"context"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

const forgetEvery = 20 * time.Minute

// forget drops what there is of sessions that the chain has settled, now and then.
func (d *Daemon) forget(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := d.custody.Forget(ctx, func(id receipt.SessionID) error {
			d.dispatch.Forget(id)
			if err := d.cosigner.Forget(ctx, id); err != nil {
				return err
			}
			return d.keys.Forget(id.String())
		})
		if err != nil && ctx.Err() == nil {
			d.log.Warn("not all settled sessions were forgotten; it is tried again", "error", err)
		}
	}
}
