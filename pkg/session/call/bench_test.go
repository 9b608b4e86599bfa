package call_test

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCalls is whole calls over an in-memory pipe with all signatures of the three parties: a request, a receipt, and
// a voucher with its co-signature for each call.
func BenchmarkCalls(b *testing.B) {
	b.Run("one stream", func(b *testing.B) {
		s := newScene(b, echo{})
		c := s.dial()
		for b.Loop() {
			s.say(c, "x", 10)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	})
	b.Run("parallel streams", func(b *testing.B) {
		s := newScene(b, echo{})
		var calls atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			c := s.dial()
			for pb.Next() {
				k, err := c.Call(s.ctx, "echo", []byte("x"), 10)
				if err != nil {
					continue // the credit of the lane is used up for a moment
				}
				if _, err := io.ReadAll(k); err == nil {
					calls.Add(1)
				}
			}
		})
		require.Positive(b, calls.Load())
		b.ReportMetric(float64(calls.Load())/b.Elapsed().Seconds(), "calls/s")
	})
}
