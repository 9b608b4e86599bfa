package dispatch_test

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/gateway"
)

// charge is what an error says to cost.
func charge(err error) uint64 {
	e := new(gateway.Error)
	if errors.As(err, &e) {
		return e.Charged
	}
	return 0
}

// balance settles all, and looks whether every uemc is explained.
func (s *scene) balance() {
	s.Helper()
	for _, n := range s.nodes { // whoever is away comes back
		if n.host == nil {
			n.start()
		}
		if st := s.standing(n); st.Why == "" && (st.Owed() > 0 || st.Open > 0) {
			require.NoError(s, s.settle(n))
		}
	}
	sum := uint64(0)
	for _, n := range s.nodes {
		st, a := s.standing(n), n.node.Account(s.lane(n))
		if st.Why != "" {
			sum += a.Vouched
			continue
		}
		require.Zero(s, st.Open, "no call is lost for good")
		require.Equal(s, st.Count, a.Count)
		require.Equal(s, st.Sum, a.Issued, "both have the same receipts")
		require.Zero(s, a.Exposure, "all is paid")
		require.Zero(s, st.Owed())
		require.Zero(s, a.Running)
		sum += max(st.Sum, st.Vouched)
	}
	cosigned, err := s.sequencer.Cosigned(s.id)
	require.NoError(s, err)
	require.LessOrEqual(s, cosigned, s.allotment)
	require.Equal(s, sum, cosigned)

	// The chain pays what was co-signed, and the rest goes back.
	paid := uint64(0)
	for _, n := range s.nodes {
		for _, d := range n.node.Dues() {
			r, err := n.chain.Redeem(context.Background(), []receipt.Voucher{d.Voucher})
			require.NoError(s, err)
			require.Equal(s, session.Redeemed, r[0].Outcome, r[0].Reason)
			require.Zero(s, r[0].Unpaid)
		}
		require.Equal(s, n.node.Account(s.lane(n)).Vouched, s.chain.Paid(s.lane(n)))
		paid += s.chain.Paid(s.lane(n))
	}
	require.Equal(s, cosigned, paid)
	require.Zero(s, s.chain.Seized(s.key.public.Address()), "the router pays nothing")
	s.chain.Close(s.id)
	s.clock.pass(2 * time.Hour)
	back, settled := s.chain.Refunded(s.id)
	require.True(s, settled)
	require.Equal(s, uint64(deposit), paid+back, "every uemc is explained")
}

// receipts is what all nodes' receipts come to.
func (s *scene) receipts() (sum uint64) {
	for _, n := range s.nodes {
		sum += n.node.Account(s.lane(n)).Issued
	}
	return sum
}

// settle asks a node what became of lost calls, and pays it, as the next call in its lane would.
func (s *scene) settle(n *node) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := s.host.NewStream(network.WithNoDial(ctx, "nodes dial"), n.host.ID(), call.Protocol)
	if err != nil {
		return err
	}
	c, err := call.NewClient(call.ClientConfig{Lane: s.way(n), Slice: 1, Wait: 5 * time.Second, Write: 5 * time.Second, Drain: 5 * time.Second}, stream)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 100 { // another stream may just be asking, too
		if err = c.Settle(ctx); err == nil && s.standing(n).Open == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(errors.New("calls stay open"), err)
}
