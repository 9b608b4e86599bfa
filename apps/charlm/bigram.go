package main

import "math/bits"

// bigram is the baseline: P(b|a) = w2·c(ab)/c(a) + w1·c(b)/N + w0/V. The weights depend on how often a was seen
// (one set for each power of two) and are found by deleted interpolation: expectation maximization on the training
// text, where each occurrence is predicted from the counts of all the others.
type bigram struct {
	vocab   int
	total   float64
	single  []float64 // symbol → count
	context []float64 // symbol → count as the left half of a pair
	pair    []float64 // left·vocab+right → count
	weights [][3]float64
}

const (
	bigramRounds  = 60
	bigramBuckets = 40
)

func trainBigram(train []uint16, vocab int) *bigram {
	m := &bigram{
		vocab: vocab, total: float64(len(train)),
		single: make([]float64, vocab), context: make([]float64, vocab), pair: make([]float64, vocab*vocab),
		weights: make([][3]float64, bigramBuckets),
	}
	for i, s := range train {
		m.single[s]++
		if i > 0 {
			m.context[train[i-1]]++
			m.pair[int(train[i-1])*vocab+int(s)]++
		}
	}
	for bucket := range m.weights {
		m.fit(bucket)
	}
	return m
}

func (m *bigram) bucket(left int) int { return bits.Len64(uint64(m.context[left])) }

// fit finds the weights of one bucket. Bucket 0 is for symbols never seen on the left: it has no pairs of its own,
// learns from all of them, and gives the pair term no weight.
func (m *bigram) fit(bucket int) {
	w := [3]float64{1.0 / 3, 1.0 / 3, 1.0 / 3}
	if bucket == 0 {
		w = [3]float64{0.5, 0.5, 0}
	}
	for range bigramRounds {
		// One imagined observation for each term keeps its weight above zero: a symbol that training never saw would
		// otherwise cost the baseline so much that any model beats it.
		share := [3]float64{1, 1, 1}
		if bucket == 0 {
			share[2] = 0
		}
		for left := range m.vocab {
			if bucket != 0 && m.bucket(left) != bucket {
				continue
			}
			for right := range m.vocab {
				n := m.pair[left*m.vocab+right]
				if n == 0 {
					continue
				}
				p0 := float64(w[0] / float64(m.vocab))
				p1 := float64(w[1] * (m.single[right] - 1) / (m.total - 1))
				p2 := 0.0
				if m.context[left] > 1 {
					p2 = float64(w[2] * (n - 1) / (m.context[left] - 1))
				}
				scale := n / (p0 + p1 + p2)
				share[0] += float64(p0 * scale)
				share[1] += float64(p1 * scale)
				share[2] += float64(p2 * scale)
			}
		}
		sum := share[0] + share[1] + share[2]
		w = [3]float64{share[0] / sum, share[1] / sum, share[2] / sum}
	}
	m.weights[bucket] = w
}

// probability returns P(right|left).
func (m *bigram) probability(left, right int) float64 {
	w := m.weights[m.bucket(left)]
	p := w[0]/float64(m.vocab) + float64(w[1]*(m.single[right]/m.total))
	if m.context[left] > 0 {
		p += float64(w[2] * (m.pair[left*m.vocab+right] / m.context[left]))
	}
	return p
}

// loss returns the mean nats per symbol over text[from:].
func (m *bigram) loss(text []uint16, from int) float64 {
	sum := 0.0
	for i := from; i < len(text); i++ {
		sum -= ln(m.probability(int(text[i-1]), int(text[i])))
	}
	return sum / float64(len(text)-from)
}
