package keeper_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"pgregory.net/rapid"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// TestRandomLife drives sockets with random messages, right and wrong ones, random
// time, and a node that goes and comes, works and refuses. Every step checks the
// invariants of all modules and the supply; in the end every socket's money is
// where the evidence says, to the last uemc.
func TestRandomLife(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		l := newLives(t, r, reached)
		r.Repeat(map[string]func(*rapid.T){
			"mint": func(*rapid.T) { l.mint() },
			"sell": func(*rapid.T) { l.buy(l.mint()) },
			"use":  func(*rapid.T) { l.use(l.one()) },
			"live": func(*rapid.T) {
				id := l.mint()
				l.buy(id)
				l.use(id)
				l.work()
			},
			"outlive": func(*rapid.T) {
				id := l.mint()
				l.buy(id)
				l.outlive(id)
			},
			"part":   func(*rapid.T) { l.split(l.mint()) },
			"list":   func(*rapid.T) { id := l.one(); l.mark("list", l.list(l.ownerOf(id), id, l.price())) },
			"delist": func(*rapid.T) { id := l.one(); l.mark("delist", l.delist(l.ownerOf(id), id)) },
			"resell": func(*rapid.T) {
				id := l.one()
				l.mark("list", l.list(l.ownerOf(id), id, l.price()))
				l.buy(id)
			},
			"buy":    func(*rapid.T) { l.buy(l.one()) },
			"plug":   func(*rapid.T) { id := l.one(); _, err := l.plug(l.ownerOf(id), id); l.mark("plug", err) },
			"unplug": func(*rapid.T) { id := l.one(); l.mark("unplug", l.unplug(l.ownerOf(id), id)) },
			"burn": func(*rapid.T) {
				if id := l.one(); rapid.IntRange(0, 4).Draw(r, "really") == 0 {
					l.mark("burn", l.burn(l.ownerOf(id), id))
					l.see()
				}
			},
			"split": func(*rapid.T) { l.split(l.one()) },
			"send":  func(*rapid.T) { l.send(l.one(), l.who()) },
			"job":   func(*rapid.T) { l.submit(l.one()) },
			"work":  func(*rapid.T) { l.work() },
			"power": func(*rapid.T) {
				require.NoError(t, l.compute.SetPower(l.ctx, l.node, rapid.Uint64Range(0, 4).Draw(r, "E")*types.MicroE))
				l.check()
			},
			"restore": func(*rapid.T) {
				require.NoError(t, l.compute.SetPower(l.ctx, l.node, 4*types.MicroE))
				l.mark("unjail", l.unjail())
			},
			"jail": func(*rapid.T) {
				if rapid.IntRange(0, 3).Draw(r, "really") == 0 {
					_ = l.compute.Jail(l.ctx, l.node, l.ctx.BlockTime().Unix()+rapid.Int64Range(1, 3600).Draw(r, "jail"), "test")
					l.check()
				}
			},
			"time": func(*rapid.T) {
				l.pass(rapid.Int64Range(1, 7200).Draw(r, "seconds"), rapid.IntRange(0, 3).Draw(r, "online") > 0)
			},
		})
		l.end()
	})
	for _, what := range []string{
		"mint", "list", "delist", "buy", "resale", "plug", "unplug", "burn", "split", "send", "job", "done", "declined", "failed",
		"settled", "refund", "refund for a job", "late money", "unjail",
	} {
		if reached[what] == 0 {
			t.Errorf("no life reached %q: the test shows less than it says", what)
		}
	}
	t.Log(reached)
}

// lives are the sockets of one random run, and what the test itself remembers of them.
type lives struct {
	*fixture
	r       *rapid.T
	reached map[string]int
	ids     []string // of all that ever were
	jobs    []string
	sales   map[string]sale
	ended   map[string]uint64 // outage of the node, when a socket's time ended
}

// sale is what the test remembers of a first sale.
type sale struct {
	outage    uint64 // of the node, when it was sold
	at, until int64
}

func newLives(t *testing.T, r *rapid.T, reached map[string]int) *lives {
	l := &lives{fixture: newFixture(t), r: r, reached: reached, sales: map[string]sale{}, ended: map[string]uint64{}}
	l.blockSeconds, l.afterBlock = 300, l.see
	return l
}

func (l *lives) mark(what string, err error) bool {
	if err == nil {
		l.reached[what]++
	}
	return err == nil
}

// one is a socket, mostly one of the younger ones: the others have ended.
func (l *lives) one() string {
	if len(l.ids) == 0 {
		l.r.Skip("no socket yet")
	}
	return rapid.SampledFrom(l.ids[max(0, len(l.ids)-5):]).Draw(l.r, "socket")
}

func (l *lives) who() sdk.AccAddress {
	return rapid.SampledFrom([]sdk.AccAddress{l.miner, l.alice, l.bob}).Draw(l.r, "who")
}

func (l *lives) price() int64 {
	return rapid.SampledFrom([]int64{emc / 10, emc, 7 * emc, 40 * emc}).Draw(l.r, "price") + rapid.Int64Range(0, 999).Draw(l.r, "uemc")
}

// often is true nine times in ten.
func (l *lives) often(what string) bool {
	return rapid.SampledFrom([]bool{true, true, true, true, true, true, true, true, true, false}).Draw(l.r, what)
}

// ownerOf is who may act, most of the time.
func (l *lives) ownerOf(id string) sdk.AccAddress {
	s, err := l.k.Socket(l.ctx, id)
	if err != nil || !l.often("owner") {
		return l.who()
	}
	if s.Holder != "" {
		return sdk.MustAccAddressFromBech32(s.Holder)
	}
	return l.owner(id)
}

func (l *lives) mint() string {
	m := l.minting(rapid.Uint32Range(1, 3).Draw(l.r, "slots"), 0)
	m.Seconds = rapid.SampledFrom([]uint64{3600, 7200, day / 3, day / 2}).Draw(l.r, "hours") + rapid.Uint64Range(0, 999).Draw(l.r, "seconds")
	if l.often("ask") {
		m.Ask = coin(l.price())
	}
	for _, old := range l.ids { // room for a new one
		if s, err := l.k.Socket(l.ctx, old); err == nil && s.Status == types.SOCKET_STATUS_IDLE && l.often("room") {
			l.mark("burn", l.burn(l.owner(old), old))
			l.see()
		}
	}
	id, err := l.tryMint(m)
	if l.mark("mint", err) {
		l.ids = append(l.ids, id)
		return id
	}
	return l.one()
}

func (l *lives) buy(id string) {
	s, err := l.k.Socket(l.ctx, id)
	if err != nil {
		return
	}
	most := s.Ask.Int64() - 1
	if l.often("enough") {
		most = s.Ask.Int64() + rapid.SampledFrom([]int64{0, emc}).Draw(l.r, "more")
	}
	if !l.mark("buy", l.fixture.buy(l.who(), id, max(most, 1))) {
		return
	}
	if s.Sold() {
		l.reached["resale"]++
		return
	}
	outage, err := l.compute.Outage(l.ctx, l.node)
	require.NoError(l.t, err)
	s = l.load(id)
	l.sales[id] = sale{outage, s.SoldAt, s.ExpiresAt}
}

func (l *lives) split(id string) {
	part, err := l.fixture.split(l.ownerOf(id), id, rapid.Uint32Range(1, 3).Draw(l.r, "slots"))
	if l.mark("split", err) {
		l.ids = append(l.ids, part)
		if s, sold := l.sales[id]; sold {
			l.sales[part] = s
		}
	}
}

func (l *lives) send(id string, to sdk.AccAddress) {
	from := l.ownerOf(id)
	_, err := atomically(l.fixture, func(ctx sdk.Context) (*nft.MsgSendResponse, error) {
		return l.nft.Send(ctx, &nft.MsgSend{ClassId: types.ClassID(l.miner.String()), Id: id, Sender: from.String(), Receiver: to.String()})
	})
	l.mark("send", err)
}

// use plugs a socket in and runs a job on it.
func (l *lives) use(id string) {
	_, err := l.plug(l.ownerOf(id), id)
	l.mark("plug", err)
	l.submit(id)
	l.work()
}

// outlive starts a job that goes on when its socket has ended.
func (l *lives) outlive(id string) {
	s, err := l.k.Socket(l.ctx, id)
	if err != nil || !s.Sold() || s.Holder != "" {
		return
	}
	l.pass(s.Validity().Int64()*3/4, true)
	session, err := l.plug(l.owner(id), id)
	if !l.mark("plug", err) {
		return
	}
	job, err := l.job(sdk.MustAccAddressFromBech32(l.load(id).Holder), session, s.Validity().Uint64()-60, s.Price.Int64()/int64(s.Slots))
	if !l.mark("job", err) {
		return
	}
	l.jobs = append(l.jobs, job)
	l.startJob(job)
	l.mark("unplug", l.unplug(sdk.MustAccAddressFromBech32(l.load(id).Holder), id))
}

func (l *lives) submit(id string) {
	s, err := l.k.Socket(l.ctx, id)
	if err != nil || s.Session == "" {
		return
	}
	whole := s.Validity().Uint64()
	run := rapid.SampledFrom([]uint64{60, 3600, whole / 2, whole - 1}).Draw(l.r, "run")
	most := max(computetypes.Quote(s.SlotHourPrice(), run).Int64(), 5_000) + rapid.SampledFrom([]int64{-1, 0, 1, emc}).Draw(l.r, "more")
	job, err := l.job(l.ownerOf(id), s.Session, run, most)
	if l.mark("job", err) {
		l.jobs = append(l.jobs, job)
	}
}

// work moves a job on in one of the ways that its node can.
func (l *lives) work() {
	if len(l.jobs) == 0 {
		return
	}
	id := rapid.SampledFrom(l.jobs[max(0, len(l.jobs)-3):]).Draw(l.r, "job")
	j, err := l.compute.Jobs.Get(l.ctx, id)
	if err != nil {
		return
	}
	how := rapid.SampledFrom([]string{"on", "on", "on", "on", "no", "not"}).Draw(l.r, "how")
	_, err = atomically(l.fixture, func(ctx sdk.Context) (out any, err error) {
		switch {
		case how == "no" && j.Status != computetypes.JOB_STATUS_RUNNING:
			out, err = l.nodes.DeclineJob(ctx, &computetypes.MsgDeclineJob{Node: j.Node, Job: id, Reason: "no"})
			l.mark("declined", err)
		case how == "not":
			out, err = l.nodes.CancelJob(ctx, &computetypes.MsgCancelJob{Customer: j.Customer, Job: id})
			l.mark("cancelled", err)
		case j.Status == computetypes.JOB_STATUS_SCHEDULED:
			out, err = l.nodes.AcknowledgeJob(ctx, &computetypes.MsgAcknowledgeJob{Node: j.Node, Job: id, InputsReceived: true})
		case j.Status == computetypes.JOB_STATUS_READY:
			out, err = l.nodes.StartJob(ctx, &computetypes.MsgStartJob{Node: j.Node, Job: id})
		case j.Status == computetypes.JOB_STATUS_RUNNING:
			reason := rapid.SampledFrom([]computetypes.ExitReason{computetypes.EXIT_REASON_EXITED, computetypes.EXIT_REASON_WORKER}).Draw(l.r, "reason")
			out, err = l.nodes.SubmitReceipt(ctx, &computetypes.MsgSubmitReceipt{Node: j.Node, Job: id, Receipt: computetypes.Receipt{
				Reason: reason, ResultDigest: make([]byte, 32), LogDigest: make([]byte, 32), Usage: computetypes.Usage{WallMilliseconds: 60_000},
			}})
			l.mark(map[bool]string{true: "done", false: "failed"}[reason == computetypes.EXIT_REASON_EXITED], err)
		}
		return out, err
	})
	_ = err
}

func (l *lives) unjail() error {
	_, err := atomically(l.fixture, func(ctx sdk.Context) (*computetypes.MsgUnjailResponse, error) {
		return l.nodes.Unjail(ctx, &computetypes.MsgUnjail{Operator: l.miner.String(), Node: l.node.String()})
	})
	return err
}

// see remembers what the node's outage was when a socket's time ended, by the
// test's own look at every block.
func (l *lives) see() {
	outage, err := l.compute.Outage(l.ctx, l.node)
	require.NoError(l.t, err)
	for _, id := range l.ids {
		s, err := l.k.Socket(l.ctx, id)
		if err != nil {
			continue
		}
		if _, known := l.ended[id]; !known && (s.Status == types.SOCKET_STATUS_SETTLED || s.Deadline == 0) {
			l.ended[id] = outage
		}
		if s.Status == types.SOCKET_STATUS_SETTLED && s.Held.IsPositive() {
			l.reached["late money"]++
		}
	}
}

// end lets everything come to its end, and judges each socket.
func (l *lives) end() {
	l.blockSeconds = 1200
	l.pass(day, true)
	for _, id := range l.ids {
		l.judge(id)
	}
	n, err := l.compute.Node(l.ctx, l.node)
	require.NoError(l.t, err)
	require.Zero(l.t, n.ReservedSlots, "nothing is promised any more")
}

// judge holds a settled socket against what the test remembers.
func (l *lives) judge(id string) {
	s := l.load(id)
	require.Equal(l.t, types.SOCKET_STATUS_SETTLED, s.Status, id)
	require.True(l.t, s.Held.IsZero())
	require.Zero(l.t, l.balance(types.SocketEscrow(id)))
	require.Equal(l.t, s.Price.String(), s.Used.Add(s.Refunded).Add(s.Paid).String(), "money in is money out")
	l.reached["settled"]++
	remembered, sold := l.sales[id]
	require.Equal(l.t, sold, s.Sold())
	if !sold {
		return
	}
	want := remembered.refund(s.Price.BigInt(), s.Used.BigInt(), s.Failed.BigInt(), l.ended[id])
	require.Equal(l.t, want.String(), s.Refunded.BigInt().String(), "the refund is what the evidence says")
	if s.Refunded.IsPositive() {
		l.reached["refund"]++
	}
	if s.Failed.IsPositive() {
		l.reached["refund for a job"]++
	}
}

// refund is what the evidence says, worked out apart from the module.
func (s sale) refund(price, used, failed *big.Int, outage uint64) *big.Int {
	validity := max(s.until-s.at, 1)
	out := min(outage-s.outage, uint64(validity))
	due := new(big.Int).Mul(price, new(big.Int).SetUint64(out))
	due.Quo(due, big.NewInt(validity)).Add(due, failed)
	if unused := new(big.Int).Sub(price, used); due.Cmp(unused) > 0 {
		return unused
	}
	return due
}
