package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prose makes n bytes of text that has something to learn beyond pairs of characters.
func prose(n int) string {
	words := strings.Fields("the network proves rents and trades computing power between miners who own it and people who need it")
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[rng.IntN(len(words))])
		if rng.IntN(9) == 0 {
			b.WriteString(".\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()[:n]
}

func smallTrainer(t *testing.T, text string, s shape, batch int) (*trainer, []uint16) {
	t.Helper()
	require.NoError(t, s.validate())
	v := newVocabulary([]byte(text))
	symbols, unknown := v.encode(text)
	require.Empty(t, unknown)
	m := newModel(s, v)
	rng := newRandom(1)
	m.randomize(rng)
	return newTrainer(m, batch, len(symbols), rng), symbols
}

// The gradients of every tensor agree with finite differences of the loss.
func TestGradients(t *testing.T) {
	const batch = 6
	tr, text := smallTrainer(t, prose(400), shape{Context: 4, Orders: 3, Rows: 64, Hidden: 8}, batch)
	m := tr.model
	for range 20 { // leave the start, where the groups are zero
		tr.step(text, defaultHyper, 1)
	}
	tr.draw()
	tr.backward(text)

	rows := make([]quad, len(m.rows))
	for b := range batch {
		for _, row := range tr.pass.active[b*m.inputs():][:m.inputs()] {
			add(rows[int(row)*m.width:][:m.width], tr.grad.before[b*m.width:][:m.width])
		}
	}
	output, bias, outBias := clone(tr.grad.output), clone(tr.grad.bias), clone(tr.grad.outBias)

	loss := func() float64 {
		m.forward(tr.pass, text, tr.at)
		m.probabilities(tr.pass, batch)
		return tr.pass.nats(text, tr.at, m.vocab.size()) / batch
	}
	for name, pair := range map[string][2][]quad{
		"rows": {m.rows, rows}, "bias": {m.bias, bias}, "output": {m.output, output}, "outBias": {m.outBias, outBias},
	} {
		checked := 0
		for i := range pair[0] {
			for lane, want := range pair[1][i] {
				if math.Abs(float64(want)) < 0.01 {
					continue // float32 differences say nothing about these
				}
				w := &pair[0][i][lane]
				const eps = 4e-3
				old := *w
				*w = old + eps
				up := loss()
				*w = old - eps
				down := loss()
				*w = old
				require.InEpsilon(t, want, (up-down)/(2*eps), 0.05, "%s[%d][%d]", name, i, lane)
				checked++
			}
		}
		require.Greater(t, checked, 3, name)
	}
}

func clone(q []quad) []quad { return append([]quad(nil), q...) }

func TestTinyTextIsLearnt(t *testing.T) {
	tr, text := smallTrainer(t, prose(6000), defaultShape, 32)
	before := tr.model.loss(text, 5000)
	require.InDelta(t, math.Log(float64(tr.model.vocab.size())), before, 0.2, "an untrained model knows nothing")
	for range 400 {
		tr.step(text, defaultHyper, 1)
	}
	require.Less(t, tr.model.loss(text, 5000), 1.0)
}

func TestProbabilitiesSumToOne(t *testing.T) {
	tr, text := smallTrainer(t, prose(1000), defaultShape, 5)
	m, p := tr.model, tr.pass
	m.forward(p, text, []int32{0, 1, 2, 500, 999})
	m.probabilities(p, 5)
	v := m.vocab.size()
	for b := range 5 {
		sum := 0.0
		for _, x := range p.logits[b*v:][:v] {
			require.Positive(t, x)
			sum += float64(x)
		}
		require.InDelta(t, 1, sum, 1e-5)
	}
}

// The kernels agree with the plain definition for sizes that leave remainders in every tile.
func TestKernels(t *testing.T) {
	rng := newRandom(3)
	quads := func(n int) []quad {
		out := make([]quad, n)
		for i := range out {
			for k := range out[i] {
				out[i][k] = rng.symmetric(1)
			}
		}
		return out
	}
	for _, n := range [][3]int{{1, 1, 1}, {2, 4, 3}, {3, 5, 2}, {5, 7, 4}, {6, 9, 1}} {
		batch, vocab, width := n[0], n[1], n[2]
		hidden, output := quads(batch*width), quads(vocab*width)
		at := func(m []quad, row, k int) float64 { return float64(m[row*width+k/4][k%4]) }
		logits := make([]float32, batch*vocab)
		matMulT(logits, hidden, output, batch, vocab, width)
		before, grad := make([]quad, batch*width), make([]quad, vocab*width)
		matMulAdd(before, logits, output, batch, width, vocab)
		matMulTAdd(grad, logits, hidden, vocab, width, batch)
		for b := range batch {
			for v := range vocab {
				want := 0.0
				for k := range 4 * width {
					want += at(hidden, b, k) * at(output, v, k)
				}
				require.InDelta(t, want, logits[b*vocab+v], 1e-5)
			}
			for k := range 4 * width {
				want := 0.0
				for v := range vocab {
					want += float64(logits[b*vocab+v]) * at(output, v, k)
				}
				require.InDelta(t, want, at(before, b, k), 1e-4)
			}
		}
		for v := range vocab {
			for k := range 4 * width {
				want := 0.0
				for b := range batch {
					want += float64(logits[b*vocab+v]) * at(hidden, b, k)
				}
				require.InDelta(t, want, at(grad, v, k), 1e-4)
			}
		}
	}
}
