package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/gateway"
)

func (s *scene) fails(err error, kind gateway.Kind, words string) *gateway.Error {
	s.Helper()
	e := new(gateway.Error)
	require.ErrorAs(s, err, &e)
	require.Equal(s, kind, e.Kind, e.Words)
	require.Contains(s, e.Words, words)
	return e
}

func TestAnAnswerComesWhole(t *testing.T) {
	s := newScene(t, 1)
	for i := range 5 {
		text := strings.Repeat("x", 10*i)
		a := s.heard(text)
		require.Equal(t, cost(text), a.Charged())
		require.Equal(t, "text/plain", a.Header.Get("Content-Type"))
		require.Equal(t, s.nodes[0].key.public.Address().String(), a.Node)
		require.NotEmpty(t, a.Reason)
	}
	require.EqualValues(t, 1, s.nodes[0].streams.Load(), "the stream is used again")
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

func TestManyCallsAtOnce(t *testing.T) {
	s := newScene(t, 2)
	var calls sync.WaitGroup
	for i := range 32 {
		calls.Go(func() {
			for j := range 4 {
				text := fmt.Sprintf("call %d of %d", j, i)
				got, a, err := s.say(text)
				if !errors.Is(err, nil) || got != text || a.Charged() != cost(text) {
					t.Errorf("%q: %q, %v", text, got, err)
				}
			}
		})
	}
	calls.Wait()
	require.Equal(t, s.charged, s.receipts())
	for _, n := range s.nodes {
		require.LessOrEqual(t, n.streams.Load(), int64(64), "128 calls")
	}
	s.balance()
}

// TestDispatchNeverDials: an address that a router knows is no reason to go there.
func TestDispatchNeverDials(t *testing.T) {
	s := newScene(t, 1)
	n := s.nodes[0]
	n.end()
	require.Eventually(t, func() bool { return len(s.host.Network().Peers()) == 0 }, 5*time.Second, time.Millisecond)
	other := listen(t, n.key, "/ip4/127.0.0.1/tcp/0")
	s.host.Peerstore().AddAddrs(other.ID(), other.Addrs(), time.Hour)
	_, _, err := s.say("x")
	s.fails(err, gateway.NodeFault, "before it answered")
	require.Empty(t, s.host.Network().Peers())
	require.NoError(t, other.Close())
	s.balance()
}

func TestTheCustomerGoesAway(t *testing.T) {
	for _, closes := range []bool{true, false} {
		t.Run(fmt.Sprintf("closes=%t", closes), func(t *testing.T) {
			s := newScene(t, 1)
			n := s.nodes[0]
			begun, ended := make(chan struct{}, 1), make(chan error, 1)
			n.does(func(ctx context.Context, text string, send func(call.Piece) error) error {
				err := begin(5, begun)(ctx, text, send)
				ended <- err
				return err
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a, err := s.Call(ctx, s.want("0123456789"))
			require.NoError(t, err)
			<-begun
			if closes {
				require.NoError(t, a.Body.Close())
			} else {
				time.AfterFunc(20*time.Millisecond, cancel)
				_, err := io.ReadAll(a.Body)
				require.ErrorIs(t, err, context.Canceled)
				require.NoError(t, a.Body.Close())
			}
			require.Error(t, <-ended, "the app's context ends")
			require.Equal(t, cost("01234"), a.Charged(), "only what was delivered")
			s.charge(a.Charged())
			_, err = a.Body.Read(make([]byte, 1))
			require.Error(t, err)
			require.NoError(t, a.Body.Close())
			n.does(echo)
			s.heard("next")
			require.EqualValues(t, 1, n.streams.Load(), "a call that was given up leaves its stream usable")
			require.Zero(t, s.Snapshot().Nodes[0].Faults)
			require.Equal(t, s.charged, s.receipts())
			s.balance()
		})
	}
}

func TestTheCustomerGoesAwayBeforeTheHead(t *testing.T) {
	s := newScene(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, n := range s.nodes {
		n.does(func(work context.Context, text string, send func(call.Piece) error) error {
			cancel()
			return hang(work, text, send)
		})
	}
	_, _, err := s.make(ctx, s.want("x"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, s.nodes[0].answered()+s.nodes[1].answered(), "no other node is asked for nobody")
	for _, n := range s.Snapshot().Nodes {
		require.Zero(t, n.Faults)
	}
	require.Zero(t, s.receipts())
	s.balance()
}

// TestWhatComesToNothingIsTold: also where the customer, and not a node, ends the call.
func TestWhatComesToNothingIsTold(t *testing.T) {
	s := newScene(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	s.nodes[0].does(func(ctx context.Context, _ string, send func(call.Piece) error) error {
		if err := send(call.Piece{Data: []byte("HTTP/1.1 "), Amount: callPrice}); err != nil {
			return err
		}
		time.AfterFunc(50*time.Millisecond, cancel)
		return hang(ctx, "", nil)
	})
	_, _, err := s.make(ctx, s.want("x"))
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, callPrice, charge(err))
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

func TestCallsThatAreNotMade(t *testing.T) {
	errReserve := errors.New("the key has no room")
	for _, c := range []struct {
		name  string
		do    func(s *scene, c *gateway.Call)
		kind  gateway.Kind
		words string
		is    error
	}{
		{name: "nobody serves the app", kind: gateway.NoModel, words: "no node serves", do: func(_ *scene, c *gateway.Call) { c.App = "other" }},
		{name: "all are too dear", kind: gateway.NoNode, words: "wants 110 uemc", do: func(_ *scene, c *gateway.Call) { c.MaxPrice-- }},
		{name: "none is there", kind: gateway.NoNode, words: "DE", do: func(_ *scene, c *gateway.Call) { c.Region = "DE" }},
		{name: "the key has no room", is: errReserve, do: func(_ *scene, c *gateway.Call) { c.Reserve = func(uint64) error { return errReserve } }},
		{name: "no session", kind: gateway.SessionGone, do: func(_ *scene, c *gateway.Call) { c.Session = "x" }},
		{name: "another's session", kind: gateway.SessionExpired, do: func(_ *scene, c *gateway.Call) { c.Session = receipt.SessionID{1}.String() }},
		{name: "the session closes", kind: gateway.SessionExpired, words: "open another", do: func(s *scene, _ *gateway.Call) { s.chain.Close(s.id) }},
		{name: "the session is too near its end", kind: gateway.SessionExpired, do: func(s *scene, _ *gateway.Call) { s.clock.pass(24*time.Hour - margin/2) }},
		{name: "the key was replaced", kind: gateway.SessionGone, words: "replaced", do: func(s *scene, _ *gateway.Call) { s.chain.Rotate(s.id, pair(s, 9).public) }},
		{name: "the session is for a node that does not serve", kind: gateway.NoNode, words: "only node", do: func(s *scene, _ *gateway.Call) {
			s.chain.Bind(s.id, pair(s, 9).public.Address())
		}},
		{name: "the node drains", kind: gateway.NoNode, do: func(s *scene, _ *gateway.Call) {
			s.nodes[0].announce(func(st *mesh.Status) { st.Accepting = false })
		}},
		{name: "the node proves", kind: gateway.Overloaded, do: func(s *scene, _ *gateway.Call) {
			s.nodes[0].announce(func(st *mesh.Status) { st.Proving = true })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, 1)
			want := s.want("x")
			c.do(s, &want)
			_, _, err := s.make(t.Context(), want)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			} else {
				s.fails(err, c.kind, c.words)
			}
			require.Zero(t, s.nodes[0].streams.Load(), "nothing was sent")
			s.balance()
		})
	}
}

// TestASessionOfOneNode asks no other: those would refuse, and look as if they failed.
func TestASessionOfOneNode(t *testing.T) {
	s := newScene(t, 4)
	own := s.nodes[2]
	s.chain.Bind(s.id, own.key.public.Address())
	for range 8 {
		require.Equal(t, own.key.public.Address().String(), s.heard("x").Node)
	}
	own.says(session.ErrBusy)
	_, _, err := s.say("x")
	s.fails(err, gateway.Overloaded, "")
	for _, n := range s.Snapshot().Nodes {
		require.Zero(t, n.Faults)
	}
	s.balance()
}

func TestTheAllotmentIsUsedUp(t *testing.T) {
	s := newScene(t, 2, allotted(2*most))
	for {
		_, _, err := s.say("0123456789")
		if err != nil {
			s.fails(err, gateway.SessionExhausted, "top the session up")
			break
		}
	}
	require.Greater(t, s.charged, uint64(most), "what calls did not cost is used by others")
	for _, n := range s.Snapshot().Nodes {
		require.Zero(t, n.Faults)
	}
	require.Equal(t, s.charged, s.receipts())
	s.balance()
}

func TestModels(t *testing.T) {
	s := newScene(t, 0)
	n := s.node(60)
	n.announce(func(st *mesh.Status) {
		st.Apps = append(st.Apps, mesh.App{ID: "zoo", UnitPrice: 1, CallPrice: 2, Capacity: 1, Ready: true}, mesh.App{ID: "ape", Capacity: 1, Ready: true})
	})
	s.reg.mu.Lock()
	s.reg.apps["zoo"] = s.reg.apps[app]
	s.reg.mu.Unlock()
	list, err := s.Models(t.Context())
	require.NoError(t, err)
	require.Equal(t, []gateway.Model{
		{ID: "ape", OwnedBy: "emc", OpenAI: true, Unit: "unit", Nodes: 1},
		{ID: app, OwnedBy: "emc1owner", OpenAI: true, Unit: "token", UnitPrice: unitPrice, CallPrice: callPrice, Nodes: 1, Deterministic: true},
		{ID: "zoo", OwnedBy: "emc1owner", OpenAI: true, Unit: "token", UnitPrice: 1, CallPrice: 2, Nodes: 1, Deterministic: true},
	}, list)
}
