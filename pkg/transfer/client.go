package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/edgematrix/emc/pkg/job"
)

// Target names a job on a worker.
type Target struct {
	Node      PubKey   // the worker's chain key
	Endpoints []string // its multiaddresses, with or without its peer id
	JobID     string
}

// Client speaks with one worker about one job. Its methods may be called concurrently. They connect again by themselves
// when the connection breaks or the worker restarts, and give up when nothing has moved for the client's patience; the
// worker's own answers come back as *Error.
type Client struct {
	host     host.Host
	peer     peer.ID
	addrs    []ma.Multiaddr
	jobID    string
	idle     time.Duration
	connect  time.Duration
	patience time.Duration
	identity *age.X25519Identity // nil: nothing is to be encrypted
}

// Option changes a Client.
type Option func(*Client)

// WithIdleTimeout sets how long one chunk of 64 KiB may take; 45 s unless set.
func WithIdleTimeout(d time.Duration) Option { return func(c *Client) { c.idle = d } }

// WithPatience sets how long a request is tried again while nothing moves; 2 min unless set, 0 for one attempt.
func WithPatience(d time.Duration) Option { return func(c *Client) { c.patience = d } }

// Dial connects to the worker, once, and verifies that it holds the node's key. The host's identity must be the job's
// access key. The host remains the caller's to close.
func Dial(ctx context.Context, h host.Host, t Target, opts ...Option) (*Client, error) {
	if err := job.CheckID(t.JobID); err != nil {
		return nil, err
	}
	id, err := PeerID(t.Node)
	if err != nil {
		return nil, err
	}
	addrs, err := endpoints(id, t.Endpoints)
	if err != nil {
		return nil, err
	}
	c := &Client{
		host: h, peer: id, addrs: addrs, jobID: t.JobID,
		idle: 45 * time.Second, connect: 15 * time.Second, patience: 2 * time.Minute,
	}
	if c.identity, err = identityOf(h); err != nil {
		return nil, err
	}
	for _, o := range opts {
		o(c)
	}
	if err := c.reach(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func endpoints(id peer.ID, list []string) ([]ma.Multiaddr, error) {
	if len(list) == 0 {
		return nil, errors.New("the worker has published no endpoint to connect to")
	}
	var out []ma.Multiaddr
	var problems []error
	for _, s := range list {
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			problems = append(problems, fmt.Errorf("endpoint %q: %w", printable(s), err))
			continue
		}
		transport, other := peer.SplitAddr(addr)
		if other != "" && other != id {
			problems = append(problems, fmt.Errorf("endpoint %q names another peer than the node's key", printable(s)))
			continue
		}
		out = append(out, transport)
	}
	if len(out) == 0 {
		return nil, errors.Join(problems...)
	}
	return out, nil
}

// reach connects if there is no connection.
func (c *Client) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.connect)
	defer cancel()
	if err := Reach(ctx, c.host, peer.AddrInfo{ID: c.peer, Addrs: c.addrs}, Introduction{Job: c.jobID}); err != nil {
		return fmt.Errorf("the worker cannot be reached: %w", err)
	}
	return nil
}

// exchange opens a stream, sends the request and runs talk on it. The stream is gone when exchange returns.
func (c *Client) exchange(ctx context.Context, req request, talk func(conn) error) error {
	req.Job = c.jobID
	if err := c.reach(ctx); err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(AllowCircuit(ctx), c.connect)
	defer cancel()
	st, err := c.host.NewStream(opening, c.peer, Protocol)
	if err != nil {
		return fmt.Errorf("the worker cannot be reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	moved := moves(ctx, c.host, st)
	cn := conn{st, c.idle}
	if err = cn.writeFrame(req, maxRequestBytes); err == nil {
		err = talk(cn)
	} else if _, said := (conn{st, time.Second}).answer(); CodeOf(said) != "" {
		err = said // turned away before the request was read
	}
	if moved() && err != nil && CodeOf(err) == "" && !errors.As(err, new(localError)) {
		err = errMoved
	}
	if ctx.Err() != nil {
		_ = st.Reset()
		return ctx.Err()
	}
	if err != nil {
		_ = st.Reset()
		return err
	}
	_ = st.Close() // the exchange is complete; QUIC reports here that the worker has stopped reading, too
	return nil
}

// answer reads the worker's frame.
func (c conn) answer() (response, error) {
	var r response
	if err := c.readFrame(&r, maxResponseBytes); err != nil {
		return response{}, fmt.Errorf("no answer from the worker: %w", err)
	}
	return r, r.err()
}

// localError is a failure on the customer's own side: trying again is of no use.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// retry runs attempt until it succeeds, fails for good, or nothing has moved for the client's patience. The attempt
// calls moved whenever bytes have been transferred.
func (c *Client) retry(ctx context.Context, attempt func(moved func()) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 5*time.Second
	last := newStopwatch()
	for {
		err := attempt(func() { last.reset(); wait.Reset() })
		if errors.Is(err, errMoved) && ctx.Err() == nil {
			continue // once: the direct connection is there
		}
		if err == nil || ctx.Err() != nil || !mayPass(err) {
			return err
		}
		if last.elapsed() >= c.patience {
			return err
		}
		pause := wait.NextBackOff()
		var answer *Error
		if errors.As(err, &answer) && answer.RetryAfter > 0 {
			pause = min(answer.RetryAfter, max(c.patience, pause))
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// mayPass says whether an error can be different the next time.
func mayPass(err error) bool {
	if errors.As(err, new(localError)) {
		return false
	}
	switch CodeOf(err) {
	case "", CodeBusy, CodeConflict:
		return true
	default:
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
