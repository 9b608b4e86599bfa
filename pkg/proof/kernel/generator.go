package kernel

// The constants of the generator, splitmix64's.
const (
	golden = 0x9E3779B97F4A7C15
	mixA   = 0xBF58476D1CE4E5B9
	mixB   = 0x94D049BB133111EB
)

// Entries is word i of a row or column: eight entries as the bytes of a
// little-endian integer.
func Entries(key uint64, i int) uint64 { return mix(key + uint64(i+1)*golden) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * mixA
	z = (z ^ z>>27) * mixB
	return z ^ z>>31
}
