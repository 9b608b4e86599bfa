package keeper

import (
	"context"
	"encoding/binary"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/isolate"
)

// The agenda is the one queue of what happens by itself: job deadlines, nodes
// whose availability changes, unbondings that complete. One queue rather than
// three, because a block that has nothing to do should cost one look.

// agendaEntry is (time by the network's clock, kind, reference).
type agendaEntry = collections.Triple[int64, string, []byte]

const (
	kindJob       = "job"       // reference: the job's id
	kindNode      = "node"      // reference: the node's address
	kindUnbonding = "unbonding" // reference: the node's address, then the sequence in 8 bytes

	// retrySeconds is how long an entry that failed waits for another try.
	retrySeconds = 3600
)

func jobEntry(at int64, id string) agendaEntry { return collections.Join3(at, kindJob, []byte(id)) }

func nodeEntry(at int64, node sdk.AccAddress) agendaEntry {
	return collections.Join3(at, kindNode, []byte(node))
}

func unbondingEntry(at int64, node sdk.AccAddress, sequence uint64) agendaEntry {
	ref := append([]byte(nil), node...)
	return collections.Join3(at, kindUnbonding, binary.BigEndian.AppendUint64(ref, sequence))
}

func unbondingOf(ref []byte) (node sdk.AccAddress, sequence uint64, err error) {
	if len(ref) < 8 {
		return nil, 0, fmt.Errorf("an unbonding's reference of %d bytes", len(ref))
	}
	split := len(ref) - 8
	return ref[:split], binary.BigEndian.Uint64(ref[split:]), nil
}

// entryName names an entry in logs and events.
func entryName(e agendaEntry) string {
	switch e.K2() {
	case kindJob:
		return types.JobPromise(string(e.K3()))
	case kindNode:
		return kindNode + "/" + sdk.AccAddress(e.K3()).String()
	default:
		return fmt.Sprintf("%s/%x", e.K2(), e.K3())
	}
}

// EndBlock works off what is due, oldest first, within the block's budget:
// what does not fit waits for the next block, in order. In the grace after a
// standstill all of it waits.
func (k *Keeper) EndBlock(ctx context.Context) error {
	clock, err := k.clock(ctx)
	if err != nil {
		return err
	}
	now := clock.Now(blockTime(ctx))
	if now < clock.GraceUntil {
		return nil
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	budget := int(params.BlockWork)
	entries, err := k.due(ctx, now, budget)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if budget <= 0 {
			return nil
		}
		budget--
		k.isolated(ctx, entryName(entry),
			func(ctx context.Context) error {
				scanned, err := k.runEntry(ctx, now, entry)
				budget -= scanned
				return err
			},
			func(ctx context.Context) error { return k.putOff(ctx, now+retrySeconds, entry) })
	}
	return nil
}

// due collects the entries that are due now, at most limit.
func (k *Keeper) due(ctx context.Context, now int64, limit int) ([]agendaEntry, error) {
	until := new(collections.Range[agendaEntry]).EndExclusive(collections.Join3(now+1, "", []byte{}))
	iter, err := k.Agenda.Iterate(ctx, until)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []agendaEntry
	for ; iter.Valid() && len(out) < limit; iter.Next() {
		entry, err := iter.Key()
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

// runEntry does what an entry stands for, and with it moves or removes the
// entry. It returns the index entries looked at.
func (k *Keeper) runEntry(ctx context.Context, now int64, entry agendaEntry) (int, error) {
	switch entry.K2() {
	case kindJob:
		return k.timeOut(ctx, now, string(entry.K3()))
	case kindNode:
		n, err := k.Nodes.Get(ctx, entry.K3())
		if err != nil {
			return 0, err
		}
		return 0, k.setNode(ctx, entry.K3(), n)
	case kindUnbonding:
		node, sequence, err := unbondingOf(entry.K3())
		if err != nil {
			return 0, err
		}
		return 0, k.completeUnbonding(ctx, node, sequence)
	default:
		return 0, fmt.Errorf("an entry of unknown kind %q", entry.K2())
	}
}

// putOff moves an entry that failed to a later time, together with the record
// that names that time; an entry whose record is gone is dropped.
func (k *Keeper) putOff(ctx context.Context, later int64, entry agendaEntry) error {
	switch entry.K2() {
	case kindJob:
		if job, err := k.Jobs.Get(ctx, string(entry.K3())); err == nil {
			if err := k.moveDeadline(ctx, &job, later); err != nil {
				return err
			}
			return k.Jobs.Set(ctx, job.Id, job)
		}
	case kindNode:
		if n, err := k.Nodes.Get(ctx, entry.K3()); err == nil {
			n.Listing.WakeAt = later
			if err := k.Nodes.Set(ctx, entry.K3(), n); err != nil {
				return err
			}
			if err := k.Agenda.Set(ctx, nodeEntry(later, entry.K3())); err != nil {
				return err
			}
		}
	case kindUnbonding:
		node, sequence, err := unbondingOf(entry.K3())
		if err != nil {
			break
		}
		if u, err := k.Unbondings.Get(ctx, collections.Join(node, sequence)); err == nil {
			u.CompletesAt = later
			if err := k.setUnbonding(ctx, node, u); err != nil {
				return err
			}
		}
	}
	return k.Agenda.Remove(ctx, entry)
}

// isolated runs one entry. An entry that fails or panics changes nothing and is
// put off by putOff.
func (k *Keeper) isolated(ctx context.Context, name string, run, putOff func(context.Context) error) {
	err := isolate.Run(ctx, run)
	if err == nil {
		return
	}
	sdk.UnwrapSDKContext(ctx).Logger().Error("compute: an entry of the agenda failed and will be tried again", "entry", name, "error", err)
	if err := isolate.Run(ctx, putOff); err != nil {
		sdk.UnwrapSDKContext(ctx).Logger().Error("compute: an entry of the agenda could not be put off", "entry", name, "error", err)
	}
	_ = isolate.Run(ctx, func(ctx context.Context) error { // the log above holds the same words
		return emit(ctx, &types.EventQueueError{Entry: name, Error: err.Error()})
	})
}
