package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// pacedStreams are open at once: a call begins whenever as much time has passed as one takes, divided by this.
	pacedStreams = 64
	pacedCalls   = 1_500
	// smallStreams make calls without a pause, one after the other.
	smallStreams = 32
	smallCalls   = 6_000
)

// overheadFigures compare calls through gateway, router and node, paid for, with calls of the same app.
func overheadFigures() (figures []Figure, err error) {
	dir, err := benchDir()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(context.Background())
	p, err := newPath(ctx, dir)
	if err != nil {
		stop()
		return nil, err
	}
	defer func() { stop(); err = errors.Join(err, p.end()) }()
	l := callLoad{path: p, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4 * pacedStreams}}}
	if _, err := l.paced(ctx, 200); err != nil { // connections, streams and lanes are there then
		return nil, err
	}
	t, err := l.paced(ctx, pacedCalls)
	if err != nil {
		return nil, err
	}
	for way, name := range []string{"direct", "routed"} {
		fmt.Printf("  %s: first byte %.2f ms, last event p50 %.2f ms, p99 %.2f ms, end %.2f ms\n",
			name, quantile(t[way].first, .5), quantile(t[way].last, .5), quantile(t[way].last, .99), quantile(t[way].end, .5))
	}
	ofRouter, ofAll, err := l.small(ctx)
	if err != nil {
		return nil, err
	}
	more := func(of func(*callTimes) []float64, q float64) float64 {
		return quantile(of(t[1]), q) - quantile(of(t[0]), q)
	}
	last := func(t *callTimes) []float64 { return t.last }
	return []Figure{
		{"router.overhead.p50_ms", more(last, .5), "ms to [DONE], at 64 streams of paced tokens", "<= 0.5"},
		{"router.overhead.p99_ms", more(last, .99), "ms to [DONE], at 64 streams of paced tokens", "<= 2"},
		{"router.receipt_overhead.p50_ms", more(func(t *callTimes) []float64 { return t.end }, .5), "ms until the receipt is accepted, and the answer ends", "-"},
		{"router.ttft_overhead.p50_ms", more(func(t *callTimes) []float64 { return t.first }, .5), "ms to the first byte", "chosen here: <= 2"},
		{"router.calls_per_second_core", ofRouter, "calls a second of the router's processor time", ">= 3000"},
		{"router.calls_per_second_core.all", ofAll, "the same, of program, router and node together", "-"},
	}, nil
}

type callLoad struct {
	*path
	client *http.Client
}

// callTimes are what calls took, in ms.
type callTimes struct {
	mu               sync.Mutex
	first, last, end []float64
}

// paced begins calls at a steady rate, by turns direct and routed, whether the earlier ones are done or not.
func (l callLoad) paced(ctx context.Context, calls int) (t [2]*callTimes, err error) {
	t = [2]*callTimes{{}, {}}
	const gap = pacedTokens * pacedEvery / pacedStreams
	var group sync.WaitGroup
	var failed sync.Once
	tick := time.NewTicker(gap)
	defer tick.Stop()
	for i := range calls {
		<-tick.C
		group.Go(func() {
			way := i % 2
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
func (l callLoad) small(ctx context.Context) (ofRouter, ofAll float64, err error) {
	mine := processorTime()
	router, err := l.router.processorTime()
	if err != nil {
		return 0, 0, err
	}
	var group sync.WaitGroup
	var failed sync.Once
	for range smallStreams {
		group.Go(func() {
			for range smallCalls / smallStreams {
				if _, e := l.one(ctx, 1, 1); e != nil {
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
	return smallCalls / router.Seconds(), smallCalls / (router + mine).Seconds(), nil
}

// callTime is when parts of an answer came, in ms.
type callTime struct{ first, last, end float64 }

// one makes a call, and checks that its answer is whole. OpenAI's clients are done with the last event, [DONE].
func (l callLoad) one(ctx context.Context, way, tokens int) (t callTime, err error) {
	url := l.direct
	if way == 1 {
		url = l.routed
	}
	body := fmt.Sprintf(`{"model":"paced","max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"x"}]}`, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader([]byte(body)))
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
