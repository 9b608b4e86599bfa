package jobclient

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// Quote is what a job would cost now.
type Quote struct {
	App    types.App
	Params types.Params
	// Node that a submission would get now, with its price for a slot-hour; empty when none fits.
	Node          string
	SlotHourPrice sdk.Coin
	// Chosen says in words why it is that node.
	Chosen string
	// EHourPrice is its price of one E for one hour, as the chain writes it; empty until it has proved power.
	EHourPrice string
	// SlotPower is what a slot of it has of its proven power, in micro-E.
	SlotPower uint64
	// Price of the whole time on that node, the minimum fee included.
	Price sdk.Coin
	// Most is the most that the job can cost: what its address on the chain will hold.
	Most       sdk.Coin
	Reason     string // in words why no node fits
	Candidates []types.Candidate
	// Session that pays, as it was; nil for none.
	Session *markettypes.QuerySessionResponse
}

// Quote checks a request and asks the chain what it would cost. It writes and sends nothing. A request that no node
// fits is no error: Quote.Node is empty and Quote.Reason says why.
func (c *Client) Quote(ctx context.Context, r Request) (Quote, error) {
	_, q, err := c.quote(ctx, r)
	return q, err
}

func (c *Client) quote(ctx context.Context, r Request) (*order, Quote, error) {
	o, err := r.check(c.Chain.ChainID(), c.Console)
	if err != nil {
		return nil, Quote{}, err
	}
	var q Quote
	if q.App, err = c.Chain.App(ctx, r.App); err != nil {
		return nil, q, err
	}
	if err := o.bind(q.App); err != nil {
		return nil, q, err
	}
	if q.Params, err = c.Chain.Params(ctx); err != nil {
		return nil, q, err
	}
	seconds := uint64(o.spec.MaxSeconds)
	if seconds > q.Params.MaxJobSeconds {
		return nil, q, fmt.Errorf("--max-time %s is longer than the network allows, %s", r.MaxTime, span(q.Params.MaxJobSeconds))
	}
	if r.MaxPrice != nil && r.MaxPrice.Amount.LT(q.Params.JobMinFee.Amount) {
		return nil, q, fmt.Errorf("--max-price %s is less than the minimum fee of a job, %s", amount.Format(*r.MaxPrice), amount.Format(q.Params.JobMinFee))
	}
	if o.Session != "" {
		done, err := c.quoteFor(ctx, o, &q)
		if err != nil {
			return nil, q, err
		}
		if done {
			if r.MaxPrice != nil {
				q.Most = *r.MaxPrice
			}
			return o, q, nil
		}
	}
	req := types.QueryMatchRequest{
		App: r.App, Node: r.Node, Requirements: withStake(o.Requirements), MaxSeconds: seconds, MaxPrice: types.Uemc(math.ZeroInt()),
	}
	if r.MaxPrice != nil {
		req.MaxPrice = *r.MaxPrice
	}
	match, err := c.Chain.Match(ctx, req)
	if err != nil {
		return nil, q, err
	}
	q.Node, q.Reason, q.Candidates = match.Node, match.Reason, match.Candidates
	q.Price, q.Chosen, q.EHourPrice = match.Quote, match.Chosen, match.EHourPrice
	q.Most = roomToMove(match, int(q.Params.MaxAttempts))
	if r.MaxPrice != nil {
		q.Most = *r.MaxPrice
	}
	for _, candidate := range match.Candidates {
		if candidate.Node == q.Node {
			q.SlotHourPrice, q.SlotPower = candidate.SlotHourPrice, candidate.SlotPower
		}
	}
	return o, q, nil
}

// movePremium bounds how many times the cheapest quote a job holds by default so that another node can take over.
const movePremium = 4

// roomToMove is the default maximum price: what the job costs on the dearest of the nodes that it may be passed to before
// the chain gives up. With the cheapest quote alone, a single node that does not start would end the job. Only the node
// that runs it is paid, at its own price.
func roomToMove(m types.QueryMatchResponse, attempts int) sdk.Coin {
	var quotes []math.Int
	for _, candidate := range m.Candidates {
		if len(candidate.Failures) == 0 && candidate.Quote.Amount.LTE(m.Quote.Amount.MulRaw(movePremium)) {
			quotes = append(quotes, candidate.Quote.Amount)
		}
	}
	slices.SortFunc(quotes, func(a, b math.Int) int { return a.BigInt().Cmp(b.BigInt()) })
	if quotes = quotes[:min(len(quotes), attempts)]; len(quotes) == 0 {
		return m.Quote
	}
	return types.Uemc(math.MaxInt(m.Quote.Amount, quotes[len(quotes)-1]))
}

// withStake fills the one field that has no zero on the wire.
func withStake(r types.Requirements) types.Requirements {
	if r.MinStake.IsNil() {
		r.MinStake = math.ZeroInt()
	}
	return r
}

// ShowQuote prints a quote in words; with all, every candidate with the requirements that it fails.
func (c *Client) ShowQuote(q Quote, maxSeconds uint64, all bool) {
	if q.Node == "" {
		c.Console.Say("No node fits: %s", q.Reason)
	} else {
		price := ""
		if !q.SlotHourPrice.Amount.IsNil() {
			price = fmt.Sprintf(", %s an hour", amount.Format(q.SlotHourPrice))
		}
		why := ""
		if q.Chosen != "" {
			why = " (" + q.Chosen + ")"
		}
		c.Console.Say("Quote: app %s on node %s%s%s.", q.App.Id, q.Node, price, why)
		if q.EHourPrice != "" {
			c.Console.Say("       %s.", powerWords(q.SlotPower, q.EHourPrice))
		}
		c.Console.Say("       At most %s for %s; you pay for the time it runs, at least %s.", amount.Format(q.Price), span(maxSeconds), amount.Format(q.Params.JobMinFee))
		if q.Most.Amount.GT(q.Price.Amount) {
			c.Console.Say("       The job holds %s, so that a dearer node can take over if this one does not start.", amount.Format(q.Most))
		}
	}
	if !all {
		return
	}
	c.Console.Say("Candidates (%d):", len(q.Candidates))
	for _, candidate := range q.Candidates {
		verdict := "fits"
		switch {
		case len(candidate.Failures) > 0:
			verdict = "no: " + strings.Join(candidate.Failures, "; ")
		case candidate.Node == q.Node:
			verdict = "fits and would get the job now"
		}
		proven := ""
		if candidate.EHourPrice != "" {
			proven = "  " + powerWords(candidate.SlotPower, candidate.EHourPrice)
		}
		c.Console.Say("  %s  at most %s%s  %s", candidate.Node, amount.Format(candidate.Quote), proven, verdict)
	}
}
