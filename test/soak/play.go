package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// playTime bounds one schedule. What is not over by then hangs.
const playTime = 15 * time.Minute

// unplaced is the end of an order that never reached a block.
const unplaced = "unplaced"

// play is one schedule on a lane.
type play struct {
	schedule Schedule
	lane     *lane
	buyer    *buyer
	dir      string
	watch    *watch
	oracle   func(string) uint64
	progress io.Writer

	mu     sync.Mutex
	result Result
	wrong  []error
}

// Result is what a schedule came to.
type Result struct {
	Schedule Schedule      `json:"schedule"`
	Job      string        `json:"job"`
	End      string        `json:"end"`
	Reason   string        `json:"reason"`
	Paid     int64         `json:"paid"`
	Hits     []Blow        `json:"hits"` // the blows that fell, in the order in which they fell
	Kills    map[Who]int   `json:"kills"`
	Missed   int           `json:"missed"`
	Wasted   int           `json:"wasted"`
	Away     Away          `json:"away"`
	Begin    time.Time     `json:"begin"`
	Took     time.Duration `json:"took"`
	Wrong    []string      `json:"wrong"`
	Receipts int           `json:"receipts"`
}

// play plays a schedule to its end and checks everything. Lanes play one at a time.
func (l *lane) play(ctx context.Context, s Schedule, oracle func(string) uint64, progress io.Writer) Result {
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	p := &play{schedule: s, lane: l, buyer: l.next(), oracle: oracle, progress: progress, dir: filepath.Join(l.dir, fmt.Sprint("seed", s.Seed))}
	p.result = Result{Schedule: s, Kills: map[Who]int{}, Begin: time.Now()}
	p.check(os.RemoveAll(p.dir))
	p.check(os.MkdirAll(p.dir, 0o755))
	var err error
	if p.watch, err = newWatch(l); err == nil {
		p.act(ctx)
	}
	p.check(err)
	p.result.Took = time.Since(p.result.Begin)
	for _, err := range p.wrong {
		p.result.Wrong = append(p.result.Wrong, err.Error())
	}
	if len(p.wrong) == 0 {
		_ = os.RemoveAll(p.dir)
	} else {
		p.keep()
	}
	return p.result
}

func (p *play) check(err error) {
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wrong = append(p.wrong, err)
		fmt.Fprintf(p.progress, "WRONG %s on lane %d, %s\n  %v\n  on its own: SCHEDULES=1 SEED=%d make soak; kept: %s\n",
			time.Now().Format(time.TimeOnly), p.lane.number, p.schedule, err, p.schedule.Seed, p.dir)
	}
}

// act lets everybody act, and checks what came of it.
func (p *play) act(ctx context.Context) {
	following, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { p.watch.follow(following) })
	defer watching.Wait()
	defer stop()

	v := p.visit()
	var actors sync.WaitGroup
	actors.Go(func() { p.strikes(ctx, p.schedule.Of(Worker), p.strikeWorker) })
	actors.Go(func() { p.strikes(ctx, p.schedule.Of(Chain), p.strikeChain) })
	actors.Go(func() {
		p.check(v.whole(ctx))
		if p.watch.named() == "" {
			p.watch.nothing()
		}
	})
	if p.schedule.Then == Cancels {
		actors.Go(func() { p.check(v.cancel(ctx)) })
	}
	actors.Wait()
	for _, b := range v.hits {
		p.note(b, 1)
	}
	p.result.Missed += len(v.blows)

	if !p.lane.alive() {
		p.check(fmt.Errorf("the worker ended by itself: %w", errors.Join(rig.ErrEnded, p.lane.worker.Process().Err())))
	}
	p.check(p.lane.started(ctx))
	p.settle(ctx, v)
	p.check(p.lane.idle(ctx))
	p.check(p.lane.clean(ctx))
}

// strikes carries out one victim's blows, each at its step.
func (p *play) strikes(ctx context.Context, blows []Blow, strike func(context.Context, Blow)) {
	for _, b := range blows {
		if !p.watch.until(ctx, b.Step, nil) || sleep(ctx, b.After) != nil {
			p.mu.Lock()
			p.result.Missed++
			p.mu.Unlock()
			continue
		}
		strike(ctx, b)
	}
}

func (p *play) note(b Blow, hits int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Hits = append(p.result.Hits, b)
	p.result.Kills[b.Who] += hits
}

func (p *play) strikeWorker(ctx context.Context, b Blow) {
	hits, away, err := p.lane.strike(ctx, b)
	p.note(b, hits)
	p.mu.Lock()
	p.result.Away.Worker += away
	p.mu.Unlock()
	p.check(err)
	if err != nil {
		p.check(p.lane.started(ctx))
	}
}

func (p *play) strikeChain(ctx context.Context, b Blow) {
	p.check(p.lane.chain.strike(ctx, b))
	p.note(b, 1)
}

// settle waits for the end of the job and holds everybody's books against it.
func (p *play) settle(ctx context.Context, v *visit) {
	r, id := &p.result, p.watch.named()
	r.Job, r.End = id, unplaced
	var j rig.Job
	if id != "" {
		err := p.lane.chain.eventually(ctx, 6*time.Minute, "job "+id+" is closed", func(n *rig.Network) (bool, error) {
			var err error
			j, err = n.Job(ctx, id)
			return j.Closed(), errors.Join(err, errors.New("it is "+j.Word()))
		})
		if err != nil {
			p.check(err)
			return
		}
		r.End, r.Reason, r.Paid = j.Word(), j.Reason, int64(j.Paid.Amount)
	}
	now := time.Now()
	r.Away.Chain, r.Away.Customer = p.lane.chain.away(r.Begin, now), v.away
	if !v.left.IsZero() {
		r.Away.Customer += now.Sub(v.left)
	}
	if id == "" {
		if v.left.IsZero() {
			p.check(errors.New("the customer stayed, and there is no job"))
		}
	} else {
		p.check(Judge(p.schedule, j, r.Away))
	}
	p.fetch(ctx, v, j)
	p.books(ctx, j)
}

// fetch sees to it that a paid result reaches the customer, also one who comes
// back after the payment.
func (p *play) fetch(ctx context.Context, v *visit, j rig.Job) {
	if j.Status != rig.Completed {
		return
	}
	for range 20 {
		if v.left.IsZero() && (v.code == exitDone || v.code == exitProgram) {
			break
		}
		v.blows = nil
		v.left = time.Time{}
		if _, err := v.once(ctx); err != nil {
			p.check(err)
			return
		}
	}
	p.check(v.fetched())
}

// books: the customer paid what the job cost, the operator got it, and each
// message counted once.
func (p *play) books(ctx context.Context, j rig.Job) {
	r := &p.result
	l := p.lane
	if r.Paid > 0 {
		l.paid += r.Paid
		l.jobs++
	}
	if j.Status == rig.Cancelled && j.StartedAt == 0 && r.Away.Worker > 0 {
		l.unheardJobs++
	}
	if j.Status == rig.Completed {
		l.completed++
	}
	spent, err := p.buyer.purse.page(ctx, -r.Paid)
	p.check(err)
	earned, err := l.till.page(ctx, r.Paid)
	p.check(err)
	r.Wasted = wasted(spent) + wasted(earned)
	r.Receipts = count(earned, "SubmitReceipt", j.ID)
	orders := 0
	if j.ID != "" {
		orders = 1
	}
	if n := count(spent, "SubmitJob", ""); n != orders {
		p.check(fmt.Errorf("%d submissions are in blocks, expected %d", n, orders))
	}
	if n := count(spent, "AcceptResult", j.ID); n > 1 {
		p.check(fmt.Errorf("job %s was accepted %d times", j.ID, n))
	}
	want := 0
	if j.Receipt != nil {
		want = 1
	}
	if j.ID != "" && r.Receipts != want {
		p.check(fmt.Errorf("%d receipts are in blocks, expected %d", r.Receipts, want))
	}
}

// keep writes down what is known of a schedule that went wrong.
func (p *play) keep() {
	text, _ := json.MarshalIndent(p.result, "", "  ")
	_ = os.WriteFile(filepath.Join(p.dir, "result.json"), text, 0o644)
	_ = os.WriteFile(filepath.Join(p.dir, "worker.log"), []byte(rig.Tail(p.lane.worker.Log(), 400)), 0o644)
	chain, _ := os.ReadFile(p.lane.chain.net.Home + ".log")
	_ = os.WriteFile(filepath.Join(p.dir, "chain.log"), []byte(rig.Tail(string(chain), 400)), 0o644)
}
