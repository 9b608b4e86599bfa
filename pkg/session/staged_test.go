package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// slowDisk is a store on which nothing becomes durable while it is shut.
type slowDisk struct {
	*ledger.Memory
	mu   sync.Mutex
	gate chan struct{} // closed while it is open
	came chan struct{} // somebody waits
}

func newSlowDisk() *slowDisk {
	d := &slowDisk{Memory: ledger.NewMemory(), gate: make(chan struct{}), came: make(chan struct{}, 100)}
	close(d.gate)
	return d
}

// slowWrite is one of a slowDisk.
type slowWrite struct {
	ledger.Write
	disk *slowDisk
}

func (w slowWrite) Wait() error {
	w.disk.mu.Lock()
	gate := w.disk.gate
	w.disk.mu.Unlock()
	select {
	case <-gate:
	default:
		w.disk.came <- struct{}{}
		<-gate
	}
	return w.Write.Wait()
}

func (d *slowDisk) Queue(ops ...ledger.Op) ledger.Write { return slowWrite{d.Memory.Queue(ops...), d} }
func (d *slowDisk) Batch(ops ...ledger.Op) error        { return d.Queue(ops...).Wait() }

func (d *slowDisk) shutDown() { d.mu.Lock(); defer d.mu.Unlock(); d.gate = make(chan struct{}) }

// open lets all go on that wait.
func (d *slowDisk) open() { d.mu.Lock(); defer d.mu.Unlock(); close(d.gate) }

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
	c.MaxOpen = 1000
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

// A call waits for the disk once, where its receipt is told: calls of a lane that end together share that write. Before
// that, what could be lost is found again, or is within the bounds.
func TestCallsOfALaneShareAWrite(t *testing.T) {
	const n = 5
	s, customer, node := slow(t)
	requests, calls, receipts := make([]receipt.Request, n), make([]*session.NodeCall, n), make([]receipt.Receipt, n)
	begin := func(i int) (err error) { requests[i], err = s.lane.Begin("echo", receipt.Digest{}, 10); return err }
	for _, err := range together(t, customer, n, begin)() {
		require.NoError(t, err, "the first ones set nonces aside")
	}
	customer.shutDown()
	node.shutDown()
	for i := range n {
		require.NoError(t, begin(i))
		var err error
		calls[i], err = s.node.Admit(s.ctx, requests[i])
		require.NoError(t, err)
		require.NoError(t, calls[i].TryDeliver(1, 1))
	}
	node.open()
	for _, err := range together(t, node, n, func(i int) (err error) {
		receipts[i], _, err = calls[i].Finish(receipt.StatusComplete, receipt.NewResponseHash())
		return err
	})() {
		require.NoError(t, err)
	}
	ordered := make([]receipt.Receipt, n)
	for _, r := range receipts {
		ordered[r.Sequence] = r
	}
	for _, r := range ordered {
		require.NoError(t, s.lane.Accept(r, nil))
	}
	customer.open()
	require.Equal(t, uint64(n), s.lane.Standing().Count)
	require.Equal(t, uint64(n), s.pay().Amount)
}

// Where nonces run out before the next ones are durably set aside, a call waits.
func TestNoncesAreSetAsideBeforeTheyAreUsed(t *testing.T) {
	s, customer, _ := slow(t)
	s.begin(0)
	customer.shutDown()
	begun := 0
	for ; begun < 900; begun++ {
		done := make(chan error, 1)
		go func() { _, err := s.lane.Begin("echo", receipt.Digest{}, 0); done <- err }()
		select {
		case err := <-done:
			require.NoError(t, err)
			continue
		case <-customer.came:
		}
		customer.open()
		require.NoError(t, <-done)
		break
	}
	require.Less(t, begun, 900)
	require.Greater(t, begun, 100)
}

// A voucher is over receipts that are durable, or a customer that crashes would have signed for a tree that it does not know.
func TestVoucherWaitsForTheReceiptsItIsOver(t *testing.T) {
	s, customer, _ := slow(t)
	r := s.finished(s.admitted(10), 1)
	require.NoError(t, s.lane.Prepay(r.Request.Nonce, 10))
	s.pay() // the amount stays the same; what changes is the tree
	customer.shutDown()
	require.NoError(t, s.lane.Accept(r, nil))
	vouchers := make(chan receipt.Voucher, 1)
	ends := make(chan error, 1)
	go func() {
		v, err := s.lane.Voucher(context.Background())
		vouchers <- v
		ends <- err
	}()
	customer.wait(t, 1)
	require.Empty(t, vouchers)
	customer.open()
	require.NoError(t, <-ends)
	require.Equal(t, uint64(1), (<-vouchers).Count)
}

// A receipt comes twice while the first is on its way to the disk: it is no contradiction.
func TestReceiptTwiceBeforeItIsDurable(t *testing.T) {
	s, customer, _ := slow(t)
	r := s.finished(s.admitted(10), 1)
	customer.shutDown()
	require.NoError(t, s.lane.Accept(r, nil))
	require.NoError(t, s.lane.Accept(r, nil))
	customer.open()
	require.Empty(t, s.lane.Standing().Why)
}

// What was delivered while nothing got to the disk is at most Unwritten, also of calls whose admission did not get there.
func TestUnwrittenBoundsWhatIsNotDurable(t *testing.T) {
	s, _, node := slow(t)
	requests := []receipt.Request{s.begin(100), s.begin(100)}
	node.shutDown()
	var calls []*session.NodeCall
	for _, r := range requests {
		c, err := s.node.Admit(s.ctx, r)
		require.NoError(t, err)
		calls = append(calls, c)
	}
	require.NoError(t, calls[0].TryDeliver(1, 10))
	require.NoError(t, calls[1].TryDeliver(1, unwritten-10), "this much may be lost")
	ends := make(chan error, 1)
	go func() { ends <- calls[1].TryDeliver(1, 1) }()
	node.wait(t, 1) // it is written down first
	require.Empty(t, ends)
	node.open()
	require.NoError(t, <-ends)
}

// A disk that fails ends the lane for everybody who waits, and for all that come.
func TestFailedWriteEndsTheLane(t *testing.T) {
	s, customer, node := slow(t)
	var calls []*session.NodeCall
	for range 3 {
		calls = append(calls, s.admitted(10))
	}
	finish := func(i int) error {
		_, _, err := calls[i].Finish(receipt.StatusComplete, receipt.NewResponseHash())
		return err
	}
	done := together(t, node, 3, finish)
	node.Crash()
	for _, err := range done() {
		require.ErrorIs(t, err, session.ErrLedger)
	}
	_, err := s.node.Admit(s.ctx, s.begin(10))
	require.ErrorIs(t, err, session.ErrLedger)

	customer.Crash()
	_, err = s.lane.Begin("echo", receipt.Digest{}, 10)
	require.ErrorIs(t, err, session.ErrLedger, "also where nothing waits")
	_, err = s.lane.Voucher(s.ctx)
	require.ErrorIs(t, err, session.ErrLedger)
}
