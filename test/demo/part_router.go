package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// router co-signs vouchers within its allotments.
func (p part) router(ctx context.Context, h host.Host, key keyPair, chain session.Chain, store ledger.Store) error {
	sequencer, err := session.NewSequencer(session.SequencerConfig{
		ChainID: p.ChainID, Key: key, Public: key.Public(), Chain: chain, Store: store, Now: time.Now, Margin: time.Minute,
	})
	if err != nil {
		return err
	}
	server := call.CosignServer{Cosigner: sequencer, Logger: slog.Default(), Idle: 2 * time.Minute, Write: 30 * time.Second, Retry: 2 * time.Second}
	serve(ctx, h, call.CosignProtocol, server.Serve)
	return nil
}
