package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"runtime"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// What the node has at stake in a lane, and when it redeems: in the demo only when a session closes.
const (
	nodeCredit    = 50_000 // uemc
	nodeUnwritten = 5_000  // uemc
)

// node answers calls with charlm, and redeems.
func (p part) node(ctx context.Context, h host.Host, key keyPair, chain session.Chain, store ledger.Store) error {
	app, err := startCharlm(ctx, p.Charlm, p.Weights, runtime.NumCPU())
	if err != nil {
		return err
	}
	node, err := session.NewNode(session.NodeConfig{
		ChainID: p.ChainID, Key: key, Public: key.Public(), Chain: chain, Store: store, Now: time.Now, Random: rand.Reader,
		Credit: nodeCredit, Unwritten: nodeUnwritten, Margin: time.Minute,
	})
	if err != nil {
		return err
	}
	redeemer, err := session.NewRedeemer(session.RedeemerConfig{
		Node: node, Chain: chain, Now: time.Now, Logger: slog.Default(),
		Amount: receipt.MaxNumber, Age: time.Hour, Batch: 100, Backoff: time.Second, MaxBackoff: 10 * time.Second,
	})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { defer close(done); redeemer.Run(ctx, time.Second) }()
	serve(ctx, h, call.Protocol, call.DefaultServerConfig(node, app).Serve)
	<-done
	return nil
}
