package router

import (
	"github.com/stretchr/testify/require"
)

// loadReport is what TestLoad found.
type loadReport struct {
	Streams int `json:"streams"`
	Workers int `json:"workers"`
	Seconds int `json:"seconds"`
	Kills   int `json:"kills"`

	Calls   int `json:"calls"`
	Whole   int `json:"whole"`
	Broke   int `json:"broke"`   // in the middle of the answer, with the node that was killed
	Refused int `json:"refused"` // before the answer
	Strange int `json:"strange"` // of both: without a kill that explains it
	Wrong   int `json:"wrong"`
	Short   int `json:"short"` // whole, but without a receipt: of the node that was killed at that moment

	ErrorRate float64 `json:"error_rate"`
	IdealMS   float64 `json:"ideal_ms"` // of a whole call, by the app's pace
	TotalP50  float64 `json:"total_p50_ms"`
	TotalP99  float64 `json:"total_p99_ms"`
	FirstP50  float64 `json:"first_p50_ms"` // until the first token, of which the app itself takes one pace
	FirstP99  float64 `json:"first_p99_ms"`

	RSSBegin  float64 `json:"rss_begin_mib"`
	RSSMiddle float64 `json:"rss_middle_mib"`
	RSSEnd    float64 `json:"rss_end_mib"`
	RSSMost   float64 `json:"rss_most_mib"`
	FDsMost   int     `json:"fds_most"`

	WholeUemc int64 `json:"whole_uemc"` // the price of what came whole, with a receipt
	SaidUemc  int64 `json:"said_uemc"`  // the price of all that the apps said
	TookUemc  int64 `json:"took_uemc"`  // what the API key was charged
	PaidUemc  int64 `json:"paid_uemc"`  // what the chain paid to nodes
}

const (
	// A worker that dies takes the streams with it that it answers: a quarter of all, and half at most where others are away.
	brokePerKill = loadStreams / 2
	// strangeShare of calls may fail by what the machine does to others, such as a node that is not heard for a while.
	strangeShare = .005
	// Memory is flat when it does not grow from the run's middle to its end, but for what the collector leaves lying.
	rssGrowth, rssSlackMiB = 1.25, 32
	// fdsPerStream: the program's connection; the nodes' streams share theirs.
	fdsOthers = 200
)

// judge holds what the programs saw against what may be.
func (l *load) judge(r *loadReport) {
	l.Helper()
	var total, first []float64
	for _, o := range l.outcomes {
		r.Calls++
		switch o.ending {
		case whole:
			r.Whole++
			total = append(total, float64(o.ended.Sub(o.began).Microseconds())/1_000)
			first = append(first, float64(o.first.Sub(o.began).Microseconds())/1_000)
			switch {
			case o.cost >= loadTokens*unitPrice:
				r.WholeUemc += loadTokens * unitPrice
			case l.explained(o): // its node died between the answer's end and the receipt, and has forgotten a part
				r.Short++
			default:
				r.Wrong++
				l.Errorf("a call that came whole cost %d uemc", o.cost)
			}
		case broke, refused:
			if o.ending == broke {
				r.Broke++
			} else {
				r.Refused++
			}
			if o.ending == refused || !l.explained(o) {
				r.Strange++
				l.Logf("without a kill that explains it, at node %q after %d tokens: %s", o.node, o.tokens, o.words)
			}
		case gone, wrong:
			r.Wrong++
			l.Errorf("a wrong answer: %s", o.words)
		}
	}
	r.TotalP50, r.TotalP99, r.FirstP50, r.FirstP99 = quantile(total, .5), quantile(total, .99), quantile(first, .5), quantile(first, .99)
	r.ErrorRate = float64(r.Broke+r.Refused) / float64(max(r.Calls, 1))
	l.Logf("%d calls, %d whole, %d broke, %d refused, %d kills; p50 %.0f ms, p99 %.0f ms of %.0f; first token %.0f, %.0f; RSS %.0f, %.0f, %.0f MiB, at most %.0f",
		r.Calls, r.Whole, r.Broke, r.Refused, r.Kills, r.TotalP50, r.TotalP99, r.IdealMS, r.FirstP50, r.FirstP99, r.RSSBegin, r.RSSMiddle, r.RSSEnd, r.RSSMost)

	require.Zero(l, r.Wrong)
	require.Positive(l, r.Kills, "nothing was killed: the machine is too slow for this test")
	require.Greater(l, r.Whole, loadStreams, "hardly anything was answered")
	require.LessOrEqual(l, r.Broke, r.Kills*brokePerKill)
	require.LessOrEqual(l, float64(r.Strange), strangeShare*float64(r.Calls), "errors that no kill explains")
	require.Less(l, r.RSSEnd, rssGrowth*r.RSSMiddle+rssSlackMiB, "the router's memory grows")
	require.LessOrEqual(l, r.FDsMost, 2*loadStreams+fdsOthers)
}

// books settles the session, and holds what the chain paid against both ends.
func (l *load) books(r *loadReport) {
	l.Helper()
	l.Log("the books")
	l.ready(loadWorkers) // who was killed last is paid, too
	l.settle(r.WholeUemc)
	var used struct {
		Spent    int64 `json:"spent"`
		Reserved int64 `json:"reserved"`
	}
	l.manage("GET", "/emc/v1/usage", "", &used)
	r.TookUemc, r.SaidUemc, r.PaidUemc = used.Spent, l.app.tokens.Load()*unitPrice, l.paid()
	slack := int64(r.Broke+r.Refused) * unitPrice // a token that was on its way when its call broke
	l.Logf("uemc: %d for what came whole, %d said by the apps, %d charged, %d paid", r.WholeUemc, r.SaidUemc, r.TookUemc, r.PaidUemc)
	require.Zero(l, used.Reserved)
	require.GreaterOrEqual(l, r.TookUemc, r.WholeUemc)
	require.LessOrEqual(l, r.TookUemc, r.SaidUemc+slack)
	require.GreaterOrEqual(l, r.PaidUemc, r.WholeUemc, "what came whole is paid")
	require.LessOrEqual(l, r.PaidUemc, r.SaidUemc+slack, "nothing is paid that no app said")
}
