package benchmark

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pacedStreams are open at once on average: calls begin as often as one takes, divided by this.
	pacedStreams = 64
	pacedCalls   = 2_250
	// smallStreams make calls without a pause, one after the other.
	smallStreams = 32
	smallCalls   = 6_000
)

// Options are where and how to measure.
type Options struct {
	Dir    string                        // for ledgers, on the disk that a router's would be on; it is there, and empty
	Router func(args ...string) []string // the command that runs Process
	Log    io.Writer                     // for progress

	Paced, Small int // calls of each kind; what is published is of the usual numbers, which 0 stands for
}

// Result is what was measured, in ms where nothing else is said. Calls go through gateway, router and node and are paid
// for, with tokens at a steady pace, 64 at a time; they are compared with calls of the same app, made by turns with them: to
// the app itself, and through a proxy that only copies bytes, which tells what a hop costs on this machine.
type Result struct {
	Direct, Proxied, Routed Times

	OverheadP50, OverheadP99 float64 // until the last event, [DONE], with which OpenAI's clients end
	ReceiptP50               float64 // until the receipt is accepted, and the answer ends
	FirstByteP50             float64
	ProxyP50, ProxyP99       float64 // until the last event, of the proxy
	ProxyFirstByteP50        float64

	CallsPerRouterSecond float64 // of its processor time
	CallsPerSecond       float64 // of the processor time of program, router and node together
}

// Times are of calls of one way.
type Times struct{ FirstP50, LastP50, LastP99, EndP50 float64 }

// Measure takes about half a minute.
func Measure(ctx context.Context, o Options) (r Result, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p, err := newPath(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 4 * pacedStreams}
	defer transport.CloseIdleConnections()
	l := callLoad{path: p, client: &http.Client{Transport: transport}}
	o.Paced, o.Small = cmp.Or(o.Paced, pacedCalls), cmp.Or(o.Small, smallCalls)
	fmt.Fprintf(o.Log, "%d calls of %d tokens, a token every %s, %d at a time …\n", o.Paced, pacedTokens, pacedEvery, pacedStreams)
	if _, err := l.paced(ctx, o.Paced/8); err != nil { // connections, streams and lanes are there then
		return r, err
	}
	t, err := l.paced(ctx, o.Paced)
	if err != nil {
		return r, err
	}
	r.Direct, r.Proxied, r.Routed = t[direct].times(), t[proxied].times(), t[routed].times()
	r.OverheadP50, r.OverheadP99 = r.Routed.LastP50-r.Direct.LastP50, r.Routed.LastP99-r.Direct.LastP99
	r.ProxyP50, r.ProxyP99, r.ProxyFirstByteP50 = r.Proxied.LastP50-r.Direct.LastP50, r.Proxied.LastP99-r.Direct.LastP99, r.Proxied.FirstP50-r.Direct.FirstP50
	r.ReceiptP50, r.FirstByteP50 = r.Routed.EndP50-r.Direct.EndP50, r.Routed.FirstP50-r.Direct.FirstP50
	fmt.Fprintf(o.Log, "%d short calls, %d at a time …\n", o.Small, smallStreams)
	r.CallsPerRouterSecond, r.CallsPerSecond, err = l.small(ctx, o.Small)
	return r, err
}

// way is how a call comes to the app.
type way int

const (
	direct way = iota
	proxied
	routed
	ways
)

type callLoad struct {
	*path
	client *http.Client
}

// callTimes are what calls took, in ms.
type callTimes struct {
	mu               sync.Mutex
	first, last, end []float64
}

func (t *callTimes) times() Times {
	return Times{FirstP50: quantile(t.first, .5), LastP50: quantile(t.last, .5), LastP99: quantile(t.last, .99), EndP50: quantile(t.end, .5)}
}

// paced begins calls of all ways by turns, whether the earlier ones are done or not: at moments that know nothing of
// each other, the same in every run. At even ones all streams would say their tokens at the same moment, and wait for each
// other.
func (l callLoad) paced(ctx context.Context, calls int) (t [ways]*callTimes, err error) {
	t = [ways]*callTimes{{}, {}, {}}
	const gap = pacedTokens * pacedEvery / pacedStreams
	random := rand.New(rand.NewPCG(1, 1))
	var group sync.WaitGroup
	var failed sync.Once
	due := time.Now()
	for i := range calls {
		due = due.Add(time.Duration(random.ExpFloat64() * float64(gap)))
		time.Sleep(time.Until(due))
		group.Go(func() {
			way := way(i) % ways
			c, e := l.one(ctx, way, pacedTokens)
			if e != nil {
				failed.Do(func() { err = e })
				return
			}
			t[way].mu.Lock()
			defer t[way].mu.Unlock()
			t[way].first, t[way].last, t[way].end = append(t[way].first, c.first), append(t[way].last, c.last), append(t[way].end, c.end)
		})
	}
	group.Wait()
	return t, err
}

// small is how many routed calls a second of processor time brings, in which nothing is waited for: the router's time, and
// everybody's.
func (l callLoad) small(ctx context.Context, calls int) (ofRouter, ofAll float64, err error) {
	mine := processorTime()
	router, err := l.router.processorTime()
	if err != nil {
		return 0, 0, err
	}
	var group sync.WaitGroup
	var failed sync.Once
	for range smallStreams {
		group.Go(func() {
			for range calls / smallStreams {
				if _, e := l.one(ctx, routed, 1); e != nil {
					failed.Do(func() { err = e })
					return
				}
			}
		})
	}
	group.Wait()
	mine = processorTime() - mine
	after, e := l.router.processorTime()
	if err = errors.Join(err, e); err != nil {
		return 0, 0, err
	}
	router = after - router
	made := float64(calls / smallStreams * smallStreams)
	return made / router.Seconds(), made / (router + mine).Seconds(), nil
}

// callTime is when parts of an answer came, in ms.
type callTime struct{ first, last, end float64 }

// one makes a call, and checks that its answer is whole. OpenAI's clients are done with the last event, [DONE].
func (l callLoad) one(ctx context.Context, by way, tokens int) (t callTime, err error) {
	body := fmt.Sprintf(`{"model":"paced","max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"x"}]}`, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.urls[by]+"/v1/chat/completions", bytes.NewReader([]byte(body)))
	if err != nil {
		return t, err
	}
	r.Header.Set("Authorization", "Bearer "+l.key)
	begin := time.Now()
	answer, err := l.client.Do(r)
	if err != nil {
		return t, err
	}
	defer answer.Body.Close()
	in := bufio.NewReader(answer.Body)
	if _, err := in.Peek(1); err != nil {
		return t, err
	}
	t.first = ms(time.Since(begin))
	said := 0
	for line := []byte(nil); !bytes.Equal(line, []byte("data: [DONE]\n")); {
		if line, err = in.ReadSlice('\n'); err != nil {
			return t, fmt.Errorf("status %d: the answer ends before [DONE]: %w", answer.StatusCode, err)
		}
		if bytes.Contains(line, []byte(`"content":"x"`)) {
			said++
		}
	}
	t.last = ms(time.Since(begin))
	rest, err := io.ReadAll(in)
	if err != nil {
		return t, err
	}
	t.end = ms(time.Since(begin))
	if tokens == 1 {
		tokens = 0 // the app answers at once
	}
	if answer.StatusCode != http.StatusOK || said != tokens || string(rest) != "\n" {
		return t, fmt.Errorf("status %d: %d tokens, and at the end %.200q", answer.StatusCode, said, rest)
	}
	return t, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return 0
	}
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// processorTime is what this process has used so far, on all cores.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
