package measure

import (
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// Ceiling is how many multiply-accumulates a second so many cores do on registers
// alone, each for about the given time.
func Ceiling(k kernel.Kernel, threads int, about time.Duration) float64 {
	var group sync.WaitGroup
	rates := make([]float64, threads)
	for i := range rates {
		group.Go(func() { rates[i] = peak(k, about) })
	}
	group.Wait()
	var sum float64
	for _, rate := range rates {
		sum += rate
	}
	return sum
}

// peak is one core's rate.
func peak(k kernel.Kernel, about time.Duration) float64 {
	iterations := 1000
	for {
		begin := time.Now()
		macs := k.Peak(iterations)
		if took := time.Since(begin); took >= about/2 {
			return float64(macs) / took.Seconds()
		}
		iterations *= 2
	}
}

// foldTime is what one block's fold takes: the part of a multiplication that does
// not grow with the inner dimension.
func foldTime(k kernel.Kernel) time.Duration {
	const short, long = 64, 1024
	a, b := kernel.Buffer(k.PanelA(long)), kernel.Buffer(k.PanelB(long))
	rows, cols := k.Shape()
	leaves := make([]uint64, rows/kernel.Tile*(cols/kernel.Tile))
	time1, time2 := fastest(func(times int) {
		for range times {
			k.Multiply(leaves, a[:k.PanelA(short)], b[:k.PanelB(short)], short)
		}
	}), fastest(func(times int) {
		for range times {
			k.Multiply(leaves, a, b, long)
		}
	})
	each := (time2 - time1) / (long - short)
	return max(0, time1-each*short)
}

// fastest is the least time that one of many repetitions took.
func fastest(repeat func(times int)) time.Duration {
	const times, tries = 500, 7
	least := time.Duration(1<<63 - 1)
	for range tries {
		begin := time.Now()
		repeat(times)
		least = min(least, time.Since(begin)/times)
	}
	return least
}
