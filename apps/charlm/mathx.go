package main

import "math"

// The functions of this file exist because results must be the same bytes on every machine:
//   - package math answers exp and log with assembly on some architectures, whose last bit differs;
//   - Go may fuse a*b+c into one rounding on arm64, ppc64, s390x and amd64 v3, but never across an explicit
//     conversion (an assignment does not prevent it), so every product that is added to something, even in a later
//     statement, is written float32(a*b) or float64(a*b).
// TestNoFusedMultiplyAdd compiles the package for arm64 and fails when a conversion was forgotten.

const (
	roundShift = 3 << 22 // 1.5·2^23
	log2e      = 1.4426950408889634
	ln2Hi      = 0.693359375 // exact in few bits, so that n*ln2Hi loses nothing
	ln2Lo      = -2.12194440e-4
)

// softmax replaces each x of row by e^x / Σ e^x. The exponential stands inside the loop, because a call costs
// WebAssembly code from Go more than the arithmetic in it. Its relative error is about 1e-7.
func softmax(row []float32) {
	if len(row) == 0 {
		return
	}
	top := row[0]
	for _, x := range row {
		if x > top {
			top = x
		}
	}
	var sum float32
	for k, x := range row {
		x -= top
		if !(x > -87) { // e^-87 is the last normal float32
			x = -87
		}
		// x = n·ln 2 + r with |r| ≤ ln(2)/2. Adding 1.5·2^23 rounds to an integer and leaves n in the low bits.
		shifted := float32(x*log2e) + roundShift
		n := shifted - roundShift
		r := x - float32(n*ln2Hi) - float32(n*ln2Lo)
		// Taylor's series of e^r; the first term left out is below 1.2e-7.
		p := float32(r*(1.0/720)) + 1.0/120
		p = float32(p*r) + 1.0/24
		p = float32(p*r) + 1.0/6
		p = float32(p*r) + 0.5
		p = float32(p*r) + 1
		p = float32(p*r) + 1
		e := math.Float32frombits(math.Float32bits(p) + math.Float32bits(shifted)<<23) // p·2^n
		row[k] = e
		sum += e
	}
	scale := 1 / sum
	for k := range row {
		row[k] = float32(row[k] * scale)
	}
}

// ln returns the natural logarithm of a positive, normal x within about 1e-15.
func ln(x float64) float64 {
	bits := math.Float64bits(x)
	exponent := int64(bits>>52&0x7ff) - 1022
	m := math.Float64frombits(bits&^(uint64(0x7ff)<<52) | uint64(1022)<<52) // in [0.5, 1)
	if m < math.Sqrt2/2 {
		m *= 2
		exponent--
	}
	// ln m = 2 artanh(s) with s = (m-1)/(m+1), |s| < 0.172
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	sum := 0.0
	for k := 21; k >= 1; k -= 2 {
		sum = float64(sum*s2) + 1/float64(k)
	}
	return float64(float64(exponent)*math.Ln2) + float64(2*s*sum)
}

// sqrt32 is correctly rounded on every architecture, as IEEE 754 demands of a square root.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// random is splitmix64: seeded, integer only, the same sequence everywhere.
type random struct{ state uint64 }

func newRandom(seed uint64) *random { return &random{state: seed} }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n); the bias of the modulo is under n/2^64.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// unit returns a number in [0, 1) with 24 random bits.
func (r *random) unit() float32 { return float32(float32(r.next()>>40) * (1.0 / (1 << 24))) }

// symmetric returns a number in [-scale, scale).
func (r *random) symmetric(scale float32) float32 { return (float32(2*r.unit()) - 1) * scale }
