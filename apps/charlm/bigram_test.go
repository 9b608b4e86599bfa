package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBigramSumsToOne(t *testing.T) {
	v := newVocabulary([]byte(prose(3000) + "zq"))
	text, _ := v.encode(prose(3000)) // z and q are symbols that training never sees
	m := trainBigram(text, v.size())
	for left := range v.size() {
		sum := 0.0
		for right := range v.size() {
			p := m.probability(left, right)
			require.GreaterOrEqual(t, p, 0.0)
			sum += p
		}
		require.InDelta(t, 1, sum, 1e-9, "after symbol %d", left)
	}
}

// The fitted weights must be about as good on unseen text as the best of a grid of fixed ones, with much text and
// with little: a weak baseline would make the margin of the neural model worthless.
func TestBigramIsAStrongBaseline(t *testing.T) {
	for name, full := range map[string]string{"prose": prose(20000), "noise": noise(20000)} {
		v := newVocabulary([]byte(full))
		text, _ := v.encode(full)
		for _, end := range []int{300, 900, 3000, 18000} {
			m := trainBigram(text[:end], v.size())
			fitted, best := m.loss(text, end), math.Inf(1)
			for pair := 0.05; pair < 1; pair += 0.05 {
				for bucket := range m.weights {
					m.weights[bucket] = [3]float64{0.01, 0.99 - pair, pair}
				}
				best = min(best, m.loss(text, end))
			}
			require.Less(t, fitted, best+0.03, "%s, trained on %d characters", name, end)
		}
	}
}

// noise makes n letters of which none says anything about the next.
func noise(n int) string {
	rng := newRandom(5)
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('0' + rng.below(60))
	}
	return string(text)
}
