package netlab

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newQueue(delay, jitter time.Duration) *queue {
	return &queue{delay: delay, jitter: jitter, random: rand.New(rand.NewPCG(1, 2))}
}

// drain pops everything by the time that is there.
func (q *queue) drain(by time.Time) (out []held) {
	for p, ok := q.pop(by); ok; p, ok = q.pop(by) {
		out = append(out, p)
	}
	return out
}

func TestQueueHoldsEveryPacketForTheDelay(t *testing.T) {
	start := time.Unix(1_000, 0)
	q := newQueue(20*time.Millisecond, 0)
	_, ok := q.next()
	require.False(t, ok)
	require.True(t, q.push(start, []byte("a")))
	require.True(t, q.push(start.Add(time.Millisecond), []byte("b")))
	due, ok := q.next()
	require.True(t, ok)
	require.Equal(t, start.Add(20*time.Millisecond), due)
	require.Empty(t, q.drain(due.Add(-1)))
	require.Len(t, q.drain(due), 1)
	require.Len(t, q.drain(due.Add(time.Millisecond)), 1)
	require.Zero(t, q.bytes)
}

func TestQueueJitter(t *testing.T) {
	const delay, jitter, packets = 20 * time.Millisecond, 15 * time.Millisecond, 2_000
	for _, reorder := range []bool{false, true} {
		start := time.Unix(1_000, 0)
		q := newQueue(delay, jitter)
		q.reorder = reorder
		for i := range packets {
			require.True(t, q.push(start.Add(time.Duration(i)*time.Millisecond), []byte{byte(i), byte(i >> 8)}))
		}
		overtaken, least, most := 0, time.Hour, time.Duration(0)
		last := -1
		for _, p := range q.drain(start.Add(time.Hour)) {
			i := int(p.data[0]) | int(p.data[1])<<8
			if i < last {
				overtaken++
			}
			last = max(last, i)
			took := p.due.Sub(start.Add(time.Duration(i) * time.Millisecond))
			least, most = min(least, took), max(most, took)
		}
		require.GreaterOrEqual(t, least, delay-jitter)
		require.LessOrEqual(t, most, delay+jitter)
		require.Less(t, least, delay, "some are faster")
		require.Greater(t, most, delay+jitter/2, "some are slower")
		if reorder {
			require.Greater(t, overtaken, packets/10)
		} else {
			require.Zero(t, overtaken)
		}
	}
}

func TestQueueThatGetsFasterKeepsTheOrder(t *testing.T) {
	start := time.Unix(1_000, 0)
	q := newQueue(time.Second, 0)
	require.True(t, q.push(start, []byte("first")))
	q.delay = 0
	require.True(t, q.push(start.Add(time.Millisecond), []byte("second")))
	require.Empty(t, q.drain(start.Add(time.Second-1)))
	both := q.drain(start.Add(time.Second))
	require.Len(t, both, 2)
	require.Equal(t, "first", string(both[0].data))
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue(time.Second, 0)
	now := time.Unix(1_000, 0)
	large := make([]byte, maxHeld/2)
	require.True(t, q.push(now, large))
	require.True(t, q.push(now, large))
	require.False(t, q.push(now, []byte{1}))
	require.Len(t, q.drain(now.Add(time.Second)), 2)
	require.True(t, q.push(now, []byte{1}))
}
