package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"

	"github.com/edgematrix/emc/x/internal/isolate"
	"github.com/edgematrix/emc/x/market/types"
)

// agendaEntry is (time by the network's clock, kind, reference) of what happens by itself.
type agendaEntry = collections.Triple[int64, string, []byte]

const (
	kindSession = "session" // reference: the session's id
	kindCover   = "cover"   // reference: router and node, each with its length before it

	// retrySeconds is how long an entry that failed waits for another try.
	retrySeconds = 3600
)

func sessionEntry(at int64, id string) agendaEntry {
	return collections.Join3(at, kindSession, []byte(id))
}

func coverEntry(at int64, router, node sdk.AccAddress) agendaEntry {
	return collections.Join3(at, kindCover, append(address.MustLengthPrefix(router), address.MustLengthPrefix(node)...))
}

func coverOf(ref []byte) (router, node sdk.AccAddress, err error) {
	if len(ref) == 0 || len(ref) < 2+int(ref[0]) {
		return nil, nil, fmt.Errorf("a cover's reference of %d bytes", len(ref))
	}
	split := 1 + int(ref[0])
	return ref[1:split], ref[split+1:], nil
}

// entryName names an entry in logs and events.
func entryName(e agendaEntry) string {
	if e.K2() == kindSession {
		return kindSession + "/" + string(e.K3())
	}
	return fmt.Sprintf("%s/%x", e.K2(), e.K3())
}

// EndBlock works off what is due, oldest first, within the block's budget. In
// the grace after a standstill all of it waits.
func (k *Keeper) EndBlock(ctx context.Context) error {
	clock, err := k.compute.NetworkClock(ctx)
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
		failed := isolate.Run(ctx, func(ctx context.Context) error {
			work, err := k.runEntry(ctx, params, entry)
			budget -= work
			return err
		})
		if failed != nil {
			k.putOff(ctx, now+retrySeconds, entry, failed)
		}
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
// entry. It returns the records looked at.
func (k *Keeper) runEntry(ctx context.Context, params types.Params, entry agendaEntry) (int, error) {
	switch entry.K2() {
	case kindSession:
		return k.timeOut(ctx, params, string(entry.K3()))
	case kindCover:
		router, node, err := coverOf(entry.K3())
		if err != nil {
			return 0, err
		}
		return 0, k.lowerCover(ctx, router, node)
	default:
		return 0, fmt.Errorf("an entry of unknown kind %q", entry.K2())
	}
}

// putOff moves an entry that failed to a later time, together with the record
// that names that time; an entry whose record is gone is dropped. One bad record
// must not stop every node, nor the entries behind it.
func (k *Keeper) putOff(ctx context.Context, later int64, entry agendaEntry, why error) {
	logger := sdk.UnwrapSDKContext(ctx).Logger()
	logger.Error("market: an entry of the agenda failed and will be tried again", "entry", entryName(entry), "error", why)
	if err := isolate.Run(ctx, func(ctx context.Context) error { return k.move(ctx, later, entry) }); err != nil {
		logger.Error("market: an entry of the agenda could not be put off", "entry", entryName(entry), "error", err)
	}
	if err := emit(ctx, &types.EventQueueError{Entry: entryName(entry), Error: why.Error()}); err != nil {
		logger.Error("market: no event", "error", err)
	}
}

func (k *Keeper) move(ctx context.Context, later int64, entry agendaEntry) error {
	switch entry.K2() {
	case kindSession:
		if s, err := k.Sessions.Get(ctx, string(entry.K3())); err == nil {
			return k.setSession(ctx, s, later)
		}
	case kindCover:
		router, node, err := coverOf(entry.K3())
		if err != nil {
			break
		}
		if c, err := k.Covers.Get(ctx, collections.Join(router, node)); err == nil {
			was := c
			c.LowersAt = later
			return k.writeCover(ctx, router, node, was, c)
		}
	}
	return k.Agenda.Remove(ctx, entry)
}
