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
	fmt.Printf("  direct: first byte %.2f ms, p50 %.2f ms, p99 %.2f ms; routed: %.2f, %.2f, %.2f\n",
		quantile(t[0].first, .5), quantile(t[0].total, .5), quantile(t[0].total, .99), quantile(t[1].first, .5), quantile(t[1].total, .5), quantile(t[1].total, .99))
	perCore, err := l.small(ctx)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{"router.overhead.p50_ms", quantile(t[1].total, .5) - quantile(t[0].total, .5), "ms, at 64 streams of paced tokens", "<= 0.5"},
		{"router.overhead.p99_ms", quantile(t[1].total, .99) - quantile(t[0].total, .99), "ms, at 64 streams of paced tokens", "<= 2"},
		{"router.ttft_overhead.p50_ms", quantile(t[1].first, .5) - quantile(t[0].first, .5), "ms to the first byte", "chosen here: <= 2"},
		{"router.calls_per_second_core", perCore, "calls a second of processor time, customer, router and node together", ">= 3000"},
	}, nil
}

type callLoad struct {
	*path
	client *http.Client
}

// callTimes are what calls took, in ms.
type callTimes struct {
	mu           sync.Mutex
	first, total []float64
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
			first, total, e := l.one(ctx, way, pacedTokens)
			if e != nil {
				failed.Do(func() { err = e })
				return
			}
			t[way].mu.Lock()
			defer t[way].mu.Unlock()
			t[way].first, t[way].total = append(t[way].first, first), append(t[way].total, total)
		})
	}
	group.Wait()
	return t, err
}

// small is how many routed calls a second of processor time brings, in which nothing is waited for.
func (l callLoad) small(ctx context.Context) (perSecond float64, err error) {
	begin := processorTime()
	var group sync.WaitGroup
	var failed sync.Once
	for range smallStreams {
		group.Go(func() {
			for range smallCalls / smallStreams {
				if _, _, e := l.one(ctx, 1, 1); e != nil {
					failed.Do(func() { err = e })
					return
				}
			}
		})
	}
	group.Wait()
	return smallCalls / (processorTime() - begin).Seconds(), err
}

// one makes a call, and checks that its answer is whole.
func (l callLoad) one(ctx context.Context, way, tokens int) (first, total float64, err error) {
	url := l.direct
	if way == 1 {
		url = l.routed
	}
	body := fmt.Sprintf(`{"model":"paced","max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"x"}]}`, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+l.key)
	begin := time.Now()
	answer, err := l.client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	in := bufio.NewReader(answer.Body)
	if _, err := in.Peek(1); err != nil {
		return 0, 0, err
	}
	first = ms(time.Since(begin))
	got, err := io.ReadAll(in)
	if err != nil {
		return 0, 0, err
	}
	if tokens == 1 {
		tokens = 0 // the app answers at once
	}
	if answer.StatusCode != http.StatusOK || bytes.Count(got, []byte(`"content":"x"`)) != tokens || !bytes.HasSuffix(got, []byte("data: [DONE]\n\n")) {
		return 0, 0, fmt.Errorf("status %d: %.200s", answer.StatusCode, got)
	}
	return first, ms(time.Since(begin)), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return 0
	}
	return s[min(int(q*float64(len(s))), len(s)-1)]
}
