package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
)

// tallied is what the customers of a schedule saw.
type tallied struct {
	mu       sync.Mutex
	tries    int    // that may have reached a node
	clean    int    // that ended with an accepted receipt
	received uint64 // uemc, what came is worth
	paid     uint64 // uemc, by clean calls' receipts
	charged  uint64 // uemc, to keys
}

// number reads a setting.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// TestSchedules plays EMC_ROUTER_SCHEDULES schedules (16) from the seed SEED (1) on: calls over three nodes, while nodes and
// the router are killed and started again. A seed chooses what happens; when it meets which call is the machine's.
func TestSchedules(t *testing.T) {
	n, first := number(t, "EMC_ROUTER_SCHEDULES", 16), number(t, "SEED", 1)
	var all tallied
	kills := 0
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := newScene(t, 3, killable, with(func(c *dispatch.Config) { c.SettleAge = 20 * time.Millisecond }))
			sum := s.play(seed)
			all.tries, all.clean = all.tries+sum.tries, all.clean+sum.clean
			all.received, all.paid = all.received+sum.received, all.paid+sum.paid
			for _, n := range s.nodes {
				kills += n.kills
			}
		})
	}
	t.Logf("%d tries, %d ended well, %d kills of nodes, %d uemc received, %d paid by calls that ended well", all.tries, all.clean, kills, all.received, all.paid)
	if n >= 16 {
		require.Greater(t, all.clean, all.tries/4, "calls go on under faults")
		require.Greater(t, all.tries, all.clean, "some are hit")
	}
}

// slowly is echo with time to be killed in.
func slowly(ctx context.Context, text string, send func(call.Piece) error) error {
	if err := head(send); err != nil {
		return err
	}
	for i := range len(text) {
		if i%8 == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		if err := send(call.Piece{Data: []byte{text[i]}, Units: 1, Amount: unitPrice}); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) play(seed uint64) *tallied {
	rng := rand.New(rand.NewPCG(seed, 0))
	faults := seed%8 != 0 // one of eight has none
	for _, n := range s.nodes {
		n.does(slowly)
	}
	sum := new(tallied)
	var calls sync.WaitGroup
	for w := range 6 {
		own := rand.New(rand.NewPCG(seed, uint64(w)+1))
		calls.Go(func() {
			for i := range 8 {
				text := strings.Repeat(fmt.Sprintf("%d%d", w, i), 1+own.IntN(25))
				s.one(sum, text, own.IntN(8) == 0)
			}
		})
	}
	over := make(chan struct{})
	go func() { calls.Wait(); close(over) }()
	for ended := false; !ended; {
		select {
		case <-over:
			ended = true
		case <-time.After(time.Duration(2+rng.IntN(20)) * time.Millisecond):
			if faults {
				s.strike(rng)
			}
		}
	}
	for _, n := range s.nodes {
		if n.host == nil {
			n.start()
		}
	}
	s.judge(sum, faults)
	return sum
}

// strike kills somebody, or lets a node come back.
func (s *scene) strike(rng *rand.Rand) {
	n := s.nodes[rng.IntN(len(s.nodes))]
	switch {
	case rng.IntN(6) == 0:
		s.killRouter()
	case n.host == nil:
		n.start()
		n.announce()
	case rng.IntN(3) == 0:
		n.kill()
	default:
		n.restart()
	}
}

// one makes a call, and notes what became of it.
func (s *scene) one(sum *tallied, text string, leaves bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	want := s.want(text)
	want.Reserve = func(n uint64) error {
		sum.mu.Lock()
		defer sum.mu.Unlock()
		sum.tries++
		if n > most {
			s.Errorf("%d uemc are reserved of %d", n, most)
		}
		return nil
	}
	s.mu.Lock()
	d := s.Dispatch
	s.mu.Unlock()
	a, err := d.Call(ctx, want)
	if err != nil {
		sum.mu.Lock()
		defer sum.mu.Unlock()
		sum.charged += charge(err)
		return
	}
	received := uint64(callPrice)
	buf := make([]byte, 16)
	var got []byte
	for {
		n, e := a.Body.Read(buf)
		got = append(got, buf[:n]...)
		received += unitPrice * uint64(n)
		if err = e; err != nil || leaves && len(got) > len(text)/2 {
			break
		}
	}
	_ = a.Body.Close()
	s.tell(sum, a, text, string(got), received, err)
}

func (s *scene) tell(sum *tallied, a *gateway.Answer, text, got string, received uint64, err error) {
	sum.mu.Lock()
	defer sum.mu.Unlock()
	sum.received += received
	sum.charged += a.Charged()
	if a.Charged() > most {
		s.Errorf("a call cost %d, allowed were %d", a.Charged(), most)
	}
	if !strings.HasPrefix(text, got) || a.Status != http.StatusOK {
		s.Errorf("%q came for %q", got, text)
	}
	if !errors.Is(err, io.EOF) {
		return
	}
	sum.clean++
	sum.paid += cost(text)
	if got != text || a.Charged() < cost(text) {
		s.Errorf("%q came whole for %q, and cost %d", got, text, a.Charged())
	}
}

// judge compares what everyone lost with the published bounds. What a customer who leaves did not read any more is at
// stake, as in a call that broke.
func (s *scene) judge(sum *tallied, faults bool) {
	s.Helper()
	s.balance()
	if s.Failed() {
		return
	}
	paid, receipts := uint64(0), uint64(0)
	for _, n := range s.nodes {
		got := s.chain.Paid(s.lane(n))
		paid += got
		receipts += n.node.Account(s.lane(n)).Issued
		n.mu.Lock()
		sent := n.sent
		n.mu.Unlock()
		bound := n.config().NodeBound(n.kills)
		require.LessOrEqual(s, sent-min(sent, got), bound, "a node's loss, %d kills", n.kills)
		if !faults {
			require.Equal(s, sent, got, "nobody loses anything without a fault")
		}
	}
	stake := session.CustomerBound(uint64(sum.tries-sum.clean) * most)
	require.LessOrEqual(s, paid-min(paid, sum.received), stake, "the customer's loss")
	require.GreaterOrEqual(s, receipts, sum.paid)
	require.LessOrEqual(s, receipts, sum.paid+stake, "nothing is charged twice")
	if !faults {
		require.Equal(s, receipts, sum.charged, "keys pay what the session pays")
	}
}
