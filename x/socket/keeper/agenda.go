package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/agenda"
	"github.com/edgematrix/emc/x/internal/isolate"
	"github.com/edgematrix/emc/x/socket/types"
)

// kindSocket: the reference is the socket's id.
const kindSocket = "socket"

func deadlineOf(at int64, id string) agenda.Entry {
	return collections.Join3(at, kindSocket, []byte(id))
}

func entryName(e agenda.Entry) string { return fmt.Sprintf("%s/%s", e.K2(), e.K3()) }

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
	entries, err := agenda.Due(ctx, k.Agenda, now, int(params.BlockWork))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if failed := isolate.Run(ctx, func(ctx context.Context) error { return k.due(ctx, string(entry.K3())) }); failed != nil {
			k.putOff(ctx, now+agenda.RetrySeconds, entry, failed)
		}
	}
	return nil
}

// due does what a socket's deadline stands for.
func (k *Keeper) due(ctx context.Context, id string) error {
	s, err := k.Sockets.Get(ctx, id)
	if err != nil {
		return err
	}
	if s.Status == types.SOCKET_STATUS_SETTLED {
		return k.forget(ctx, s)
	}
	return k.expire(ctx, s)
}

// putOff moves an entry that failed to a later time; one whose socket is gone is
// dropped. One bad record must not stop those behind it.
func (k *Keeper) putOff(ctx context.Context, later int64, entry agenda.Entry, why error) {
	logger := sdk.UnwrapSDKContext(ctx).Logger()
	logger.Error("socket: an entry of the agenda failed and will be tried again", "entry", entryName(entry), "error", why)
	err := isolate.Run(ctx, func(ctx context.Context) error {
		s, err := k.Sockets.Get(ctx, string(entry.K3()))
		if err != nil {
			return k.Agenda.Remove(ctx, entry)
		}
		next := s
		next.Deadline = later
		return k.setSocket(ctx, &s, next)
	})
	if err != nil {
		logger.Error("socket: an entry of the agenda could not be put off", "entry", entryName(entry), "error", err)
	}
	if err := emit(ctx, &types.EventQueueError{Entry: entryName(entry), Error: why.Error()}); err != nil {
		logger.Error("socket: no event", "error", err)
	}
}
