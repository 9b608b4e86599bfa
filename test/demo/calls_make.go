package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/transfer"
)

const (
	callCount = 10_000
	streams   = 32
	shortText = 8     // characters
	longText  = 2_000 // of one call in a thousand: it is paid for while it is written
	slice     = nodeCredit / (streams + 2)
)

// caller is the customer's side of the calls.
type caller struct {
	*market
	host     host.Host
	store    *ledger.File
	lane     *session.Lane
	cosigner *call.Cosigner

	next atomic.Int64
	done atomic.Int64
}

// makeCalls makes all calls over several streams at once.
func (m *market) makeCalls(ctx context.Context) (c *caller, err error) {
	c = &caller{market: m}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.prepare(ctx); err != nil {
		return c, err
	}
	begin := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	for range streams {
		work.Go(func() error { return c.stream(ctx, begin) })
	}
	if err := work.Wait(); err != nil {
		return c, err
	}
	st, took := c.lane.Standing(), time.Since(begin)
	m.say("%d calls in %.1f s (%.0f a second) over %d streams: each with a request and a receipt, and vouchers as they add up, all signed and verified, and durable on all sides before they count",
		st.Count, took.Seconds(), float64(st.Count)/took.Seconds(), streams)
	if st.Count != uint64(m.count) || st.Open != 0 || st.Owed() != 0 {
		return c, fmt.Errorf("%d receipts, %d calls still open, %d uemc without a voucher: expected %d, none and none", st.Count, st.Open, st.Owed(), m.count)
	}
	return c, nil
}

func (c *caller) prepare(ctx context.Context) (err error) {
	identity, err := transfer.HostKey(c.sessionKey.bytes)
	if err != nil {
		return err
	}
	if c.host, err = transfer.NewHost(ctx, identity, nil); err != nil {
		return err
	}
	for _, p := range []struct {
		key keyPair
		at  []string
	}{{c.node, c.nodeAt}, {c.router, c.routerAt}} {
		if err := c.connect(ctx, p.key, p.at); err != nil {
			return err
		}
	}
	if c.store, err = ledger.Open(filepath.Join(c.dir, c.session.ID.String()+".ledger")); err != nil {
		return err
	}
	customer, err := session.NewCustomer(session.CustomerConfig{
		ChainID: c.net.ChainID, Session: c.session.ID, Key: c.sessionKey, Public: c.sessionKey.Public(), KeyID: c.session.KeyID, Store: c.store, Now: time.Now,
		Budget: func(receipt.Address) uint64 { return allotment },
	})
	if err != nil {
		return err
	}
	c.cosigner = &call.Cosigner{Wait: 30 * time.Second, Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		return c.dial(ctx, c.router, call.CosignProtocol)
	}}
	c.lane, err = customer.Lane(c.router.Public().Address(), c.node.Public().Precompute(), c.cosigner)
	return err
}

// connect reaches a party, whose key is its name.
func (c *caller) connect(ctx context.Context, key keyPair, at []string) error {
	id, err := peerOf(key)
	if err != nil {
		return err
	}
	info := peer.AddrInfo{ID: id}
	for _, a := range at {
		address, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			return err
		}
		info.Addrs = append(info.Addrs, address)
	}
	return c.host.Connect(ctx, info)
}

func (c *caller) dial(ctx context.Context, key keyPair, id protocol.ID) (io.ReadWriteCloser, error) {
	at, err := peerOf(key)
	if err != nil {
		return nil, err
	}
	return c.host.NewStream(ctx, at, id)
}

// stream makes one call after the other until all are made, and then pays what is left.
func (c *caller) stream(ctx context.Context, begin time.Time) error {
	raw, err := c.dial(ctx, c.node, call.Protocol)
	if err != nil {
		return err
	}
	client, err := call.NewClient(call.ClientConfig{Lane: c.lane, Slice: slice, Ahead: slice, Wait: time.Minute, Write: time.Minute, Drain: time.Minute}, raw)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		n := c.next.Add(1)
		if n > int64(c.count) {
			return client.Settle(ctx)
		}
		if err := c.one(ctx, client, n); err != nil {
			return fmt.Errorf("call %d: %w", n, err)
		}
		if done := c.done.Add(1); done%(int64(c.count)/5) == 0 {
			st := c.lane.Standing()
			c.say("%d calls after %.1f s; vouchers over %s so far", done, time.Since(begin).Seconds(), emc(int64(st.Vouched)))
		}
	}
}

// one makes a call whose request no other call has, and reads its answer.
func (c *caller) one(ctx context.Context, client *call.Client, n int64) error {
	length := shortText
	if n%1_000 == 0 {
		length = longText
	}
	question := fmt.Sprintf(`{"model":"charlm","prompt":"call %d: func ","max_tokens":%d,"seed":%d,"stream":true}`, n, length, n)
	body, err := httpcall.AppendRequest(nil, http.MethodPost, "/v1/completions", nil, []byte(question))
	if err != nil {
		return err
	}
	running, err := client.Call(ctx, "charlm", body, uint64(length)*pricePerCharacter)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(running)
	if err != nil {
		return err
	}
	text := ""
	for line := range bytes.Lines(answer) {
		text += textOf(line)
	}
	r := running.Receipt()
	switch got := len([]rune(text)); {
	case r.Status != receipt.StatusComplete || got != length || r.Units != uint64(length) || r.Amount != uint64(length)*pricePerCharacter:
		return fmt.Errorf("%d characters came, the receipt (status %d) says %d for %d uemc, expected %d", got, r.Status, r.Units, r.Amount, length)
	case n <= 3:
		c.say("call %d: %s → %q for %d uemc, receipt %d", n, question, text, r.Amount, r.Sequence)
	}
	return nil
}

func (c *caller) close() {
	if c.cosigner != nil {
		_ = c.cosigner.Close()
	}
	if c.host != nil {
		_ = c.host.Close()
	}
	if c.store != nil {
		_ = c.store.Close()
	}
}

// addresses reads a party's "ready" line.
func addresses(line string) []string { return strings.Fields(line)[1:] }

func peerOf(key keyPair) (peer.ID, error) {
	public, err := transfer.PubKeyFromBytes(key.Public().Bytes())
	if err != nil {
		return "", errors.Join(errors.New("a party's key"), err)
	}
	return transfer.PeerID(public)
}
