package simulate

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
)

// Crowd is what many nodes cost the router that hears them.
type Crowd struct {
	Bytes     float64       // of heap for each node: its place in the table, its rate, its message among those seen
	Processor time.Duration // for each status: to sign it, too
}

// Hear has one router hear so many nodes once. Another host passes on what they say, so that the nodes themselves take no
// memory; what that host keeps of the messages is counted to the router.
func Hear(ctx context.Context, nodes int) (c Crowd, err error) {
	n, ctx := empty(ctx, Scenario{Routers: 1, Stale: time.Hour, Seed: 1})
	defer func() { err = errors.Join(err, n.close()) }()
	n.admit = func(receipt.Address) bool { return true }
	if err := n.addRouter(ctx, 0); err != nil {
		return c, err
	}
	r := n.routers[0]
	from, _, err := n.newHost(1)
	if err != nil {
		return c, err
	}
	gossip, err := pubsub.NewGossipSub(ctx, from, pubsub.WithFloodPublish(true), pubsub.WithPeerOutboundQueueSize(1024), pubsub.WithLogger(slog.New(slog.DiscardHandler)), pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return c, err
	}
	topic, err := gossip.Join(mesh.TopicName(chainID))
	if err != nil {
		return c, err
	}
	if err := n.link(from, r.host); err != nil {
		return c, err
	}
	if err := eventually(ctx, "the hosts did not find each other", func() bool { return len(topic.ListPeers()) == 1 }); err != nil {
		return c, err
	}
	before, began := heap(), processorTime()
	for i := range nodes {
		key, _, err := crypto.GenerateSecp256k1Key(nil)
		if err != nil {
			return c, err
		}
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return c, err
		}
		b, err := status(1, uint32(i%capacity)).Marshal()
		if err != nil {
			return c, err
		}
		if err := topic.Publish(ctx, b, pubsub.WithSecretKeyAndPeerId(key, id)); err != nil {
			return c, err
		}
		if i%100 == 99 { // no faster than it is heard
			if err := eventually(ctx, "not all was heard", func() bool { return r.count() > i-100 }); err != nil {
				return c, err
			}
		}
	}
	if err := eventually(ctx, "not all was heard", func() bool { return r.count() == nodes }); err != nil {
		return c, err
	}
	c.Processor = (processorTime() - began) / time.Duration(nodes)
	c.Bytes = (heap() - before) / float64(nodes)
	runtime.KeepAlive(n)
	return c, nil
}

// heap is what is in use.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// processorTime is what this process has used so far, on all cores.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
