package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// slowDisk is a store whose writes queue up while it is shut, and are then done in their order, or fail.
type slowDisk struct {
	*ledger.Memory
	mu     sync.Mutex
	shut   bool
	queued []func()
	came   chan struct{}
}

func newSlowDisk() *slowDisk {
	return &slowDisk{Memory: ledger.NewMemory(), came: make(chan struct{}, 100)}
}

func (d *slowDisk) Batch(ops ...ledger.Op) error { return d.Queue(ops...)() }

func (d *slowDisk) Queue(ops ...ledger.Op) (wait func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.shut {
		return d.Memory.Queue(ops...)
	}
	done := make(chan error, 1)
	d.queued = append(d.queued, func() { done <- d.Memory.Batch(ops...) })
	d.came <- struct{}{}
	return func() error { return <-done }
}

func (d *slowDisk) shutDown() { d.mu.Lock(); defer d.mu.Unlock(); d.shut = true }

// open does what waits.
func (d *slowDisk) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = false
	for _, do := range d.queued {
		do()
	}
	d.queued = nil
}

// wait until so many writes are queued.
func (d *slowDisk) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-d.came:
		case <-time.After(10 * time.Second):
			t.Fatal("a call waits for another's write before its own is queued")
		}
	}
}

// slow is a scene whose customer and node have slow disks.
func slow(t *testing.T) (s *scene, customer, node *slowDisk) {
	t.Helper()
	s, customer, node = newScene(t), newSlowDisk(), newSlowDisk()
	c, n := s.customerConfig(), s.nodeConfig()
	c.Store, n.Store = customer, node
	n.Credit = 1000
	var err error
	s.customer, err = session.NewCustomer(c)
	require.NoError(t, err)
	s.node, err = session.NewNode(n)
	require.NoError(t, err)
	s.lane, err = s.customer.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, s.router)
	require.NoError(t, err)
	return s, customer, node
}

// together does something n times at once, and returns what is called to see that all are done; none is before the disk.
func together(t *testing.T, d *slowDisk, n int, do func(i int) error) (done func() []error) {
	t.Helper()
	d.shutDown()
	ends := make(chan error, n)
	for i := range n {
		go func() { ends <- do(i) }()
	}
	d.wait(t, n)
	require.Empty(t, ends, "it is told before it is durable")
	return func() (out []error) {
		d.open()
		for range n {
			out = append(out, <-ends)
		}
		return out
	}
}

// Calls of a lane share a write at every step, and none is told before it is durable.
func TestCallsOfALaneShareAWrite(t *testing.T) {
	const n = 5
	s, customer, node := slow(t)
	requests, calls, receipts := make([]receipt.Request, n), make([]*session.NodeCall, n), make([]receipt.Receipt, n)
	for _, step := range []struct {
		disk *slowDisk
		do   func(i int) error
	}{
		{customer, func(i int) (err error) { requests[i], err = s.lane.Begin("echo", receipt.Digest{}, 10); return err }},
		{node, func(i int) (err error) { calls[i], err = s.node.Admit(s.ctx, requests[i]); return err }},
		{node, func(i int) (err error) {
			if err := calls[i].TryDeliver(1, 1); err != nil {
				return err
			}
			receipts[i], _, err = calls[i].Finish(receipt.StatusComplete, receipt.NewResponseHash())
			return err
		}},
	} {
		for _, err := range together(t, step.disk, n, step.do)() {
			require.NoError(t, err)
		}
	}
	// In their order: a receipt that is ahead of its turn waits in memory, without a write.
	ordered := make([]receipt.Receipt, n)
	for _, r := range receipts {
		ordered[r.Sequence] = r
	}
	customer.shutDown()
	ends := make(chan error, n)
	for _, r := range ordered {
		go func() { ends <- s.lane.Accept(r, nil) }()
		customer.wait(t, 1)
	}
	require.Empty(t, ends)
	customer.open()
	for range n {
		require.NoError(t, <-ends)
	}
	require.Equal(t, uint64(n), s.lane.Standing().Count)
	require.Equal(t, uint64(n), s.pay().Amount)
}

// A voucher is over receipts that are durable, or a customer that crashes would have signed for a tree that it does not know.
func TestVoucherWaitsForTheReceiptsItIsOver(t *testing.T) {
	s, customer, _ := slow(t)
	r := s.finished(s.admitted(10), 1)
	require.NoError(t, s.lane.Prepay(r.Request.Nonce, 10))
	s.pay() // the amount stays the same; what changes is the tree
	customer.shutDown()
	ends := make(chan error, 2)
	go func() { ends <- s.lane.Accept(r, nil) }()
	customer.wait(t, 1)
	vouchers := make(chan receipt.Voucher, 1)
	go func() {
		v, err := s.lane.Voucher(context.Background())
		vouchers <- v
		ends <- err
	}()
	customer.wait(t, 1)
	require.Empty(t, vouchers)
	customer.open()
	require.NoError(t, errors.Join(<-ends, <-ends))
	require.Equal(t, uint64(1), (<-vouchers).Count)
}

// A receipt comes twice while the first is on its way to the disk: it is no contradiction.
func TestReceiptTwiceBeforeItIsDurable(t *testing.T) {
	s, customer, _ := slow(t)
	r := s.finished(s.admitted(10), 1)
	customer.shutDown()
	ends := make(chan error, 2)
	for range 2 {
		go func() { ends <- s.lane.Accept(r, nil) }()
		customer.wait(t, 1)
	}
	customer.open()
	require.NoError(t, errors.Join(<-ends, <-ends))
	require.Empty(t, s.lane.Standing().Why)
}

// What was delivered while a receipt is on its way to the disk is not durable with it.
func TestUnwrittenCountsWhatAStagedWriteLeaves(t *testing.T) {
	s, _, node := slow(t)
	a, b := s.admitted(100), s.admitted(100)
	require.NoError(t, a.TryDeliver(1, 10))
	node.shutDown()
	ends := make(chan error, 2)
	go func() { _, _, err := a.Finish(receipt.StatusComplete, receipt.NewResponseHash()); ends <- err }()
	node.wait(t, 1)
	require.NoError(t, b.TryDeliver(1, unwritten-10), "this much may be lost")
	go func() { ends <- b.TryDeliver(1, 1) }()
	node.wait(t, 1) // it is written down first
	node.open()
	require.NoError(t, errors.Join(<-ends, <-ends))
}

// A disk that fails ends the lane for everybody who waits, and for all that come.
func TestFailedWriteEndsTheLane(t *testing.T) {
	s, customer, node := slow(t)
	request := s.begin(10)
	for name, row := range map[string]struct {
		disk *slowDisk
		do   func(int) error
	}{
		"customer": {customer, func(int) error { _, err := s.lane.Begin("echo", receipt.Digest{}, 10); return err }},
		"node": {node, func(i int) error {
			r := request
			r.Nonce += uint64(i)
			r, err := r.Sign(chainID, sessionKey)
			if err != nil {
				return err
			}
			_, err = s.node.Admit(s.ctx, r)
			return err
		}},
	} {
		done := together(t, row.disk, 3, row.do)
		row.disk.Crash()
		for _, err := range done() {
			require.ErrorIs(t, err, session.ErrLedger, name)
		}
		require.ErrorIs(t, row.do(10), session.ErrLedger, name)
	}
}
