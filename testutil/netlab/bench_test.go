package netlab

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cpu is the processor time of this process, in which a box works.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPackets is what a box costs for each packet of 1 KiB when 20,000 a second
// come, at even distances; senders and receiver are in the same process and included.
func BenchmarkPackets(b *testing.B) {
	l := Start(b)
	from, to := host(b, l, "from"), host(b, l, "to")
	for _, c := range []struct {
		name  string
		delay time.Duration
	}{{"veth", 0}, {"box", 20 * time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			require.NoError(b, from.Link().Delay(c.delay, 0))
			out, in := listenUDP(b, from, 0), listenUDP(b, to, 0)
			address := in.LocalAddr()
			before, was := from.Link().Stats(), cpu(b)
			got := make(chan int, 1)
			go func() {
				n, buffer := 0, make([]byte, 2048)
				for ; n < b.N; n++ {
					_ = in.SetReadDeadline(time.Now().Add(2 * time.Second))
					if _, _, err := in.ReadFrom(buffer); err != nil {
						break
					}
				}
				got <- n
			}()
			const every, batch = time.Millisecond, 20
			data := make([]byte, 1024)
			start := time.Now()
			b.ResetTimer()
			for i := range b.N {
				if i%batch == 0 {
					time.Sleep(time.Until(start.Add(time.Duration(i/batch) * every)))
				}
				_, err := out.WriteTo(data, address)
				require.NoError(b, err)
			}
			arrived := <-got
			b.StopTimer()
			b.ReportMetric(float64((cpu(b)-was).Nanoseconds())/float64(b.N), "cpu-ns/packet")
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "packets/s")
			b.ReportMetric(100*float64(arrived)/float64(b.N), "%arrived")
			if s := from.Link().Stats(); s.Packets > before.Packets {
				b.ReportMetric(float64((s.Late-before.Late).Microseconds())/float64(s.Packets-before.Packets), "µs-late")
				b.ReportMetric(float64(s.LateMost.Microseconds()), "µs-late-most")
			}
		})
	}
}

// BenchmarkStream is TCP through a line, with and without a box.
func BenchmarkStream(b *testing.B) {
	l := Start(b)
	from, to := host(b, l, "from"), host(b, l, "to")
	conns, address := accept(b, to, 80)
	for _, c := range []struct {
		name  string
		delay time.Duration
	}{{"veth", 0}, {"1ms", time.Millisecond}, {"20ms", 20 * time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			require.NoError(b, from.Link().Delay(c.delay, 0))
			out, err := dial(b, from, address, patience)
			require.NoError(b, err)
			in := <-conns
			defer in.Close()
			data := make([]byte, 1<<20)
			b.SetBytes(int64(len(data)))
			was := cpu(b)
			go func(out net.Conn) {
				for range b.N {
					_, _ = out.Write(data)
				}
			}(out)
			b.ResetTimer()
			for range b.N {
				_, err := io.ReadFull(in, data)
				require.NoError(b, err)
			}
			b.ReportMetric(float64((cpu(b)-was).Microseconds())/float64(b.N), "cpu-µs/MiB")
		})
	}
}
