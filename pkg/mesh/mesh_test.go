package mesh

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

func newHost(t *testing.T) (host.Host, receipt.Address) {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(nil)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	a, err := address(h.ID())
	require.NoError(t, err)
	return h, a
}

func connect(t *testing.T, a, b host.Host) {
	t.Helper()
	require.NoError(t, a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}))
}

func status(sequence uint64) Status {
	return Status{Sequence: sequence, Accepting: true, Credit: 9, Apps: []App{{ID: "charlm", UnitPrice: 10, Capacity: 2, Ready: true}}}
}

// A registered node is heard once, also through a second router; a stranger is not, and a replay is not.
func TestOnlyRegisteredNodesAreHeard(t *testing.T) {
	router, _ := newHost(t)
	far, _ := newHost(t)
	node, self := newHost(t)
	stranger, _ := newHost(t)
	heard, heardFar := make(chan Status, 16), make(chan Status, 16)
	admit := func(a receipt.Address) bool { return a == self }
	join := func(h host.Host, c chan Status) *Topic {
		cfg := Config{Host: h, ChainID: "emc-1", Logger: slog.New(slog.DiscardHandler)}
		if c != nil {
			cfg.Admit, cfg.Heard = admit, func(s Status) { c <- s }
		}
		topic, err := Join(t.Context(), cfg)
		require.NoError(t, err)
		go func() { _ = topic.Run(t.Context()) }()
		return topic
	}
	join(router, heard)
	join(far, heardFar)
	says, lies := join(node, nil), join(stranger, nil)
	connect(t, node, router)
	connect(t, stranger, router)
	connect(t, router, far)
	require.Eventually(t, func() bool { return says.Routers() == 1 && lies.Routers() == 1 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, lies.Say(t.Context(), status(1)))
	wanted := status(5)
	wanted.Node = self
	require.Eventually(t, func() bool { // until the routers know of each other's topic
		require.NoError(t, says.Say(t.Context(), wanted))
		select {
		case got := <-heardFar:
			wanted.Sequence = got.Sequence // on a busy machine it is an earlier one
			require.Equal(t, wanted, got)
			return true
		case <-time.After(100 * time.Millisecond):
			wanted.Sequence++
			return false
		}
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, says.Say(t.Context(), status(3))) // older than what was said
	last := uint64(1 << 40)
	require.NoError(t, says.Say(t.Context(), status(last)))
	for {
		select {
		case got := <-heard:
			require.Equal(t, self, got.Node, "a stranger was heard")
			require.NotEqual(t, uint64(3), got.Sequence, "a replay was heard")
			if got.Sequence == last {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was heard")
		}
	}
}

// A chatterbox costs no more than its share.
func TestRate(t *testing.T) {
	topic := &Topic{nodes: map[receipt.Address]*speaker{}}
	allowed := 0
	for range 1000 {
		if topic.may(receipt.Address{1}) {
			allowed++
		}
	}
	require.LessOrEqual(t, allowed, mostBurst+2)
	require.True(t, topic.may(receipt.Address{2}), "another node is heard all the same")
}

func TestBadStatus(t *testing.T) {
	for _, bad := range []string{
		"", "{", `{"apps":[{"id":"X","capacity":1}]}`, `{"apps":[{"id":"ab"}]}`, `{"apps":[{"id":"ab","capacity":1},{"id":"ab","capacity":1}]}`,
		`{"apps":[{"id":"ab","capacity":1,"unit_price":9223372036854775808}]}`, `{"sequence":-1}`, `{"routers":[{"rtt":1}]}`,
		`{"routers":[{"router":"emc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqm20p4z","rtt":1}]}`, `{"routers":[{"router":"nobody","rtt":1}]}`, `{"credit":"` + strings.Repeat("a", MaxStatus) + `"}`,
	} {
		_, err := Unmarshal([]byte(bad))
		require.ErrorIs(t, err, ErrStatus, bad[:min(len(bad), 40)])
	}
	b, err := status(7).Marshal()
	require.NoError(t, err)
	got, err := Unmarshal(b)
	require.NoError(t, err)
	require.Equal(t, status(7), got)
	far := Link{Router: receipt.Address{7}, RTT: 1500}
	linked := status(8)
	linked.Routers = []Link{far}
	b, err = linked.Marshal()
	require.NoError(t, err)
	got, err = Unmarshal(b)
	require.NoError(t, err)
	require.Equal(t, linked, got)
	for _, bad := range [][]Link{{far, far}, {{Router: far.Router}}, {{Router: far.Router, RTT: MaxRTT + 1}}, make([]Link, MaxLinks+1)} {
		_, err = Status{Routers: bad}.Marshal()
		require.ErrorIs(t, err, ErrStatus)
	}
	_, err = Status{Apps: make([]App, MaxApps+1)}.Marshal()
	require.ErrorIs(t, err, ErrStatus)
}

func FuzzUnmarshal(f *testing.F) {
	b, _ := status(1).Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Unmarshal(b)
		if err != nil {
			require.ErrorIs(t, err, ErrStatus)
			return
		}
		_, err = s.Marshal()
		require.NoError(t, err)
	})
}
