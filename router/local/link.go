package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/transfer"
)

// timing is when a router counts as away.
type timing struct {
	Every   time.Duration // between two pings
	Ping    time.Duration // after what time one is lost
	Dial    time.Duration
	Silence time.Duration // without a sign of life: it is away
	Cut     time.Duration // and its connection is closed, with all circuits through it, which would hang on it for half a minute
	Sign    time.Duration // for a signature
	Rest    time.Duration // for which one that does not sign is left alone, twice as long each time
	Most    time.Duration // of rest
}

// defaultTiming has calls go on through another router within about three seconds. One that answers pings within two is not away.
func defaultTiming() timing {
	return timing{Every: 500 * time.Millisecond, Ping: 2 * time.Second, Dial: 5 * time.Second, Silence: 2500 * time.Millisecond,
		Cut: 4 * time.Second, Sign: 3 * time.Second, Rest: time.Second, Most: 30 * time.Second}
}

// errAway means a router that is not asked, because it does not answer.
var errAway = errors.New("the router is away")

// link is the way to one of the session's routers: its connection, whether it lives, and who signs there.
type link struct {
	address  receipt.Address
	host     host.Host
	place    func() (peer.AddrInfo, bool)
	timing   timing
	alone    bool // the session has no other: it is asked, however it looks
	log      *slog.Logger
	cosigner *call.Cosigner

	mu     sync.Mutex
	seen   time.Time // when the last sign of life came
	gone   bool      // its machine refuses to connect
	failed int       // signatures in a row that did not come
	until  time.Time // it rests
	told   bool      // that it is away
	stream io.Closer // on which it signs
}

// newLink completes a link, that nobody keeps yet.
func newLink(l *link) *link {
	l.cosigner = &call.Cosigner{Wait: l.timing.Sign, Open: l.open}
	return l
}

// open opens a stream on which vouchers are signed. It dials nobody: keeping the connection is run's.
func (l *link) open(ctx context.Context) (io.ReadWriteCloser, error) {
	at, ok := l.place()
	if !ok {
		return nil, errAway
	}
	ctx, cancel := context.WithTimeout(ctx, l.timing.Sign)
	defer cancel()
	st, err := l.host.NewStream(network.WithNoDial(ctx, "the link dials"), at.ID, call.CosignProtocol)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = resets{st}
	return st, nil
}

// resets ends a stream at once for both ends, whoever reads it now.
type resets struct{ network.Stream }

func (r resets) Close() error { return r.Reset() }

// Cosign implements session.Cosigner. A router that is away is not waited for: every voucher would wait in turn.
func (l *link) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	if !l.alone && l.away() {
		return receipt.Signature{}, errAway
	}
	sig, err := l.cosigner.Cosign(ctx, v)
	if ctx.Err() == nil {
		l.signed(err)
	}
	return sig, err
}

// signed notes whether the router does its work. What it says about a session or an allotment is its work.
func (l *link) signed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var said *call.Error
	answered := err == nil || errors.As(err, &said)
	if answered {
		l.seen = time.Now()
	}
	if answered && (err == nil || said.Code != call.CodeInternal) {
		l.failed, l.until = 0, time.Time{}
		return
	}
	l.until = time.Now().Add(min(l.timing.Rest<<min(l.failed, 10), l.timing.Most))
	l.failed++
}

func (l *link) away() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silent() || time.Now().Before(l.until)
}

// silent is called with the lock held.
func (l *link) silent() bool { return l.gone || time.Since(l.seen) > l.timing.Silence }

// run keeps the connection, through which gossip comes as well, and looks whether the router lives, until ctx ends.
func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.notice(ctx, l.ping(ctx))
		wait := time.NewTimer(l.timing.Every)
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
}

// ping connects, where there is no connection, and asks for a sign of life.
func (l *link) ping(ctx context.Context) error {
	at, ok := l.place()
	if !ok {
		return errors.New("the chain does not know where it is reached")
	}
	if l.host.Network().Connectedness(at.ID) != network.Connected {
		if s, ok := l.host.Network().(*swarm.Swarm); ok {
			s.Backoff().Clear(at.ID) // it grows to minutes, in which a router that is back would be missed
		}
		try, cancel := context.WithTimeout(ctx, l.timing.Dial)
		defer cancel()
		if err := transfer.Connect(try, l.host, at); err != nil {
			return err
		}
	}
	try, cancel := context.WithTimeout(ctx, l.timing.Ping)
	defer cancel()
	_, err := transfer.RTT(try, l.host, at.ID)
	return err
}

// notice takes how a ping went, and tells once when the router goes or comes back.
func (l *link) notice(ctx context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		if l.silent() {
			l.failed, l.until = 0, time.Time{} // another life
			l.log.Info("connected to a router", "router", l.address)
		}
		l.seen, l.gone, l.told = time.Now(), false, false
		return
	}
	l.gone = l.gone || !timedOut(err)
	if !l.silent() {
		return
	}
	if !l.told {
		l.told = true
		l.log.Warn("a router of the session is away; it is tried again until it is back", "router", l.address, "error", err)
		if l.stream != nil { // whoever waits for a signature goes elsewhere
			_ = l.stream.Close()
			l.stream = nil
		}
	}
	if at, ok := l.place(); ok && time.Since(l.seen) > l.timing.Cut {
		_ = l.host.Network().ClosePeer(at.ID)
	}
}

// timedOut says that nothing was heard, which a busy line does as well. All else is the end of a connection.
func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &late) && late.Timeout()
}
