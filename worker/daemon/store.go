package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/jobstore"
)

// StoreConfig translates the settings of the storage section.
func StoreConfig(dir, chainID string, s config.Storage, lookup jobstore.Lookup) (jobstore.Config, error) {
	c := jobstore.DefaultConfig(dir, chainID, lookup)
	for _, v := range []struct {
		text string
		to   *int64
	}{{s.MaxBytes, &c.MaxBytes}, {s.MaxJobBytes, &c.MaxJobBytes}, {s.AppsBytes, &c.AppsBytes}} {
		n, err := config.ParseBytes(v.text)
		if err != nil {
			return c, err
		}
		*v.to = n
	}
	c.MaxJobBytes = min(c.MaxJobBytes, c.MaxBytes)
	c.MaxAppBytes = min(c.MaxAppBytes, c.AppsBytes)
	c.RetainOutputs, c.RetainAccepted, c.RetainLogs = s.RetainOutputs, s.RetainAccepted, s.RetainLogs
	return c, nil
}

func (d *Daemon) storeConfig() (jobstore.Config, error) {
	c, err := StoreConfig(d.opts.Home.Store(), d.opts.Config.Chain.ID, d.opts.Config.Storage, d.lookup)
	c.Logger = d.log
	return c, err
}

// lookup answers the store's question for a job: only what the chain has given
// to this node exists for it.
func (d *Daemon) lookup(ctx context.Context, id string) (jobstore.ChainJob, error) {
	j, err := d.chain.Job(ctx, id)
	if errors.Is(err, chainclient.ErrNotFound) {
		return jobstore.ChainJob{}, jobstore.ErrUnknownJob
	}
	if err != nil {
		return jobstore.ChainJob{}, err
	}
	if j.Node != d.node || !j.Live() {
		return jobstore.ChainJob{}, jobstore.ErrUnknownJob
	}
	out := jobstore.ChainJob{Runtime: j.Runtime, App: j.App, MaxSeconds: int64(j.MaxSeconds), MemoryBytes: int64(j.Requirements.MemoryBytes),
		AppImage: j.AppImage, Egress: j.Requirements.Egress}
	if out.MemoryBytes == 0 { // the customer left it to the node
		out.MemoryBytes = d.slotMemory()
	}
	var errs [4]error
	out.AccessKey, errs[0] = transfer.PubKeyFromBytes(j.AccessKey)
	out.SpecDigest, errs[1] = job.DigestFromBytes(j.SpecDigest)
	out.InputsDigest, errs[2] = job.DigestFromBytes(j.InputsDigest)
	out.AppDigest, errs[3] = job.ParseDigest(j.AppDigest)
	if err := errors.Join(errs[:]...); err != nil {
		return out, fmt.Errorf("job %s on the chain: %w", id, err)
	}
	return out, nil
}

// pinApps keeps the artifacts of the apps that this worker offers by name: a
// customer of theirs should never have to upload one.
func (d *Daemon) pinApps(ctx context.Context) {
	var digests []job.Digest
	for _, id := range d.opts.Config.Offer.Apps {
		app, err := d.chain.App(ctx, id)
		if errors.Is(err, chainclient.ErrNotFound) {
			continue
		}
		if err != nil {
			return // what is pinned stays so
		}
		if digest, err := job.ParseDigest(app.Digest); err == nil {
			digests = append(digests, digest)
		}
	}
	d.store.PinApps(digests...)
}
