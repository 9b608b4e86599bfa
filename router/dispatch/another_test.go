package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
)

func TestABusyNodesCallGoesToAnother(t *testing.T) {
	s := newScene(t, 2)
	a, b := s.nodes[0], s.nodes[1]
	a.says(fmt.Errorf("%w: full", session.ErrBusy))
	for range 4 {
		require.Equal(t, b.key.public.Address().String(), s.heard("x").Node)
	}
	require.Zero(t, a.answered())

	b.says(fmt.Errorf("%w: full", session.ErrBusy))
	for range 2 { // once asked, and once not even that
		_, _, err := s.say("x")
		require.Positive(t, s.fails(err, gateway.Overloaded, "busy").RetryAfter)
	}
	for _, n := range s.Snapshot().Nodes {
		require.Zero(t, n.Faults, "to be busy is no fault")
	}
	require.LessOrEqual(t, a.streams.Load()+b.streams.Load(), int64(2), "a stream outlives a no")
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

// TestARefusalHoldsNoMoney: the price of a call that a busy node refused is free for the next node.
func TestARefusalHoldsNoMoney(t *testing.T) {
	s := newScene(t, 3, allotted(most+5))
	for _, n := range s.nodes[:2] {
		n.says(session.ErrBusy)
	}
	require.Equal(t, s.nodes[2].key.public.Address().String(), s.heard("x").Node)
	s.balance()
}

func TestAnotherNodeAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(n *node) script
		cost   uint64 // for nothing
		late   bool
	}{
		{name: "when one dies before the head", script: func(n *node) script {
			return func(ctx context.Context, _ string, _ func(call.Piece) error) error {
				n.dying.Go(n.end) // it cannot wait for itself
				return hang(ctx, "", nil)
			}
		}},
		{name: "when one says nothing", late: true, script: func(*node) script { return hang }},
		{name: "when one's app fails", script: func(*node) script {
			return func(context.Context, string, func(call.Piece) error) error { return errApp }
		}},
		{name: "when one's app says nothing", script: func(*node) script {
			return func(context.Context, string, func(call.Piece) error) error { return nil }
		}},
		{name: "when one answers garbage", cost: 7, script: func(*node) script {
			return func(_ context.Context, _ string, send func(call.Piece) error) error {
				return send(call.Piece{Data: []byte("SSH-2.0-garbage\r\n\r\n"), Units: 1, Amount: 7})
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, 1, with(func(cfg *dispatch.Config) {
				if c.late {
					cfg.FirstByte = time.Second
				}
			}))
			bad := s.nodes[0]
			bad.does(c.script(bad))
			good := s.node(50)
			good.announce(func(st *mesh.Status) { st.Apps[0].Capacity = 1 }) // the other one is asked first, as a rule
			reserved := uint64(0)
			want := s.want("hello")
			want.MaxPrice += c.cost
			want.Reserve = func(n uint64) error { reserved = max(reserved, n); return nil }
			var tried bool
			for range 20 {
				got, a, err := s.make(t.Context(), want)
				require.NoError(t, err)
				require.Equal(t, "hello", got)
				require.Equal(t, good.key.public.Address().String(), a.Node)
				if tried = bad.answered() > 0; tried {
					require.Equal(t, cost("hello")+c.cost, a.Charged(), "the key pays all that the session pays")
					break
				}
			}
			require.True(t, tried)
			bad.dying.Wait()
			require.Equal(t, most+c.cost, reserved)
			s.balance()
			require.Equal(t, s.charged, s.receipts())
		})
	}
}

func TestANodeThatDiesInTheMiddle(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	s.heard("before")
	begun := make(chan struct{}, 1)
	n.does(begin(5, begun))
	a, err := s.Call(t.Context(), s.want("0123456789"))
	require.NoError(t, err)
	head := make([]byte, 5)
	_, err = io.ReadFull(a.Body, head)
	require.NoError(t, err)
	<-begun
	n.kill()
	rest, err := io.ReadAll(a.Body)
	s.fails(err, gateway.NodeFault, "went away")
	require.Empty(t, rest)
	_, again := a.Body.Read(head)
	require.Equal(t, err, again)
	require.NoError(t, a.Body.Close())
	require.Equal(t, cost("01234"), a.Charged(), "what came is paid")
	s.charge(a.Charged())

	_, _, err = s.say("away")
	s.fails(err, gateway.NodeFault, "before it answered")
	n.does(echo)
	n.start()
	s.heard("after")
	require.Zero(t, s.standing(n).Open, "the node was asked what became of the call")
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

// TestAStreamThatBrokeWhileItRested is no fault, and costs no call.
func TestAStreamThatBrokeWhileItRested(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	for range 4 {
		s.heard("x")
		n.restart()
	}
	s.heard("x")
	require.Zero(t, s.Snapshot().Nodes[0].Faults)
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

func TestANodeInQuarantine(t *testing.T) {
	s := newScene(t, 1)
	bad := s.nodes[0]
	bad.lies()
	_, _, err := s.say("x")
	s.fails(err, gateway.NodeFault, "went away")
	require.NotEmpty(t, s.standing(bad).Why)
	good := s.node(50)
	got := bad.answered()
	for range 5 {
		require.Equal(t, good.key.public.Address().String(), s.heard("x").Node)
	}
	s.reopen()
	for range 5 {
		require.Equal(t, good.key.public.Address().String(), s.heard("x").Node)
	}
	require.Equal(t, got, bad.answered())
	require.LessOrEqual(t, s.Snapshot().Nodes[0].Faults+s.Snapshot().Nodes[1].Faults, uint64(1), "it is blamed once")
	s.balance()
}

// TestAStreamThatTheNodeClosed looks whole until somebody waits for an answer.
func TestAStreamThatTheNodeClosed(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	n.end()
	n.idle = 400 * time.Millisecond
	n.start()
	for range 2 {
		s.heard("x")
		time.Sleep(2 * n.idle)
	}
	s.heard("x")
	require.EqualValues(t, 3, n.streams.Load())
	require.Zero(t, s.Snapshot().Nodes[0].Faults)
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

// TestACallThatWasVoidOnItsWay goes to the same node again, which did nothing wrong.
func TestACallThatWasVoidOnItsWay(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	n.end()
	n.first = tooLate
	n.start()
	s.heard("x")
	require.EqualValues(t, 1, n.streams.Load())
	require.Zero(t, s.Snapshot().Nodes[0].Faults)
	s.balance()
}

// TestAllTriesAreOfOneAllowance: what one node takes for nothing is not there for the next.
func TestAllTriesAreOfOneAllowance(t *testing.T) {
	s := newScene(t, 2)
	for _, n := range s.nodes {
		n.does(func(_ context.Context, _ string, send func(call.Piece) error) error {
			return send(call.Piece{Data: []byte("garbage\r\n\r\n"), Units: 1, Amount: 7})
		})
	}
	_, _, err := s.say("x")
	require.EqualValues(t, 7, s.fails(err, gateway.NodeFault, "before it answered").Charged)
	require.Equal(t, 1, s.nodes[0].answered()+s.nodes[1].answered())
	require.Equal(t, s.charged, s.receipts())

	want := s.want("x")
	want.MaxPrice += 7
	_, _, err = s.make(t.Context(), want)
	require.EqualValues(t, 14, s.fails(err, gateway.NodeFault, "before it answered").Charged)
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

// TestANodeThatIsSilent does not even answer a cancel: a call is lost there, and its price held until the node says more.
func TestANodeThatIsSilent(t *testing.T) {
	s := newScene(t, 1, with(func(c *dispatch.Config) { c.FirstByte, c.Drain = time.Second, 100*time.Millisecond }))
	bad := s.nodes[0]
	bad.end()
	bad.first = silent
	bad.start()
	_, _, err := s.say("x")
	s.fails(err, gateway.Timeout, "within 1s")
	require.EqualValues(t, most, s.standing(bad).Stake)
	good := s.node(50)
	for range 3 {
		require.Equal(t, good.key.public.Address().String(), s.heard("x").Node)
	}
	bad.end()
	bad.first = nil
	s.balance()
	require.Equal(t, s.charged, s.receipts())
}

func TestAnAppThatFailsInTheMiddle(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	n.does(func(ctx context.Context, text string, send func(call.Piece) error) error {
		return errors.Join(echo(ctx, text, send), errApp)
	})
	got, _, err := s.say("0123456789")
	s.fails(err, gateway.NodeFault, "costs nothing")
	require.Equal(t, "0123456789", got, "what came is passed on as it comes")
	require.Zero(t, s.charged)
	n.does(echo)
	s.heard("x")
	require.EqualValues(t, 1, n.streams.Load())
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

// TestTheRoutersOwnFaultIsNoNodes: a disk that fails must not have all nodes left alone.
func TestTheRoutersOwnFaultIsNoNodes(t *testing.T) {
	s := newScene(t, 1, killable)
	begun, going := make(chan struct{}, 1), make(chan struct{})
	s.nodes[0].does(func(ctx context.Context, text string, send func(call.Piece) error) error {
		if err := echo(ctx, text[:5], send); err != nil {
			return err
		}
		begun <- struct{}{}
		<-going
		return echo(ctx, text, send)
	})
	a, err := s.Call(t.Context(), s.want("012345678901234567890123456789"))
	require.NoError(t, err)
	<-begun
	die(s.customers)
	close(going)
	_, err = io.ReadAll(a.Body)
	require.ErrorIs(t, err, session.ErrLedger)
	require.NoError(t, a.Body.Close())
	_, err = s.Call(t.Context(), s.want("x"))
	require.ErrorIs(t, err, session.ErrLedger)
	require.Zero(t, s.Snapshot().Nodes[0].Faults)
	s.nodes[0].does(echo)
	s.reopen()
	s.balance()
}
