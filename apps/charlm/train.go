package main

// trainer holds what training needs beside the weights. The first layer's rows learn by Adagrad with one
// accumulator for each row, since all inputs of a prediction share one gradient; the dense weights learn by Adam.
type trainer struct {
	model *model
	pass  *pass
	at    []int32
	grad  gradients
	dense []*adam
	seen  []float32 // row → sum of mean squared gradients
	order []int32   // a permutation of the training positions
	next  int
	rng   *random
}

// gradients of the mean loss of a batch, with respect to:
type gradients struct {
	before  []quad // batch × Hidden: the sums under the rectifier
	bias    []quad
	output  []quad
	outBias []quad
}

// hyper holds the settings of training.
type hyper struct {
	Batch   int
	RowRate float32 // learning rate of the rows
	Rate    float32 // learning rate of the dense weights
}

var defaultHyper = hyper{Batch: 32, RowRate: 0.1, Rate: 0.003}

// newTrainer prepares training on text[:end].
func newTrainer(m *model, batch, end int, rng *random) *trainer {
	t := &trainer{
		model: m, pass: m.newPass(batch), at: make([]int32, batch), rng: rng,
		seen: make([]float32, m.rowCount()), order: make([]int32, end),
		grad: gradients{
			before: make([]quad, batch*m.width), bias: make([]quad, len(m.bias)),
			output: make([]quad, len(m.output)), outBias: make([]quad, len(m.outBias)),
		},
	}
	for i := range t.order {
		t.order[i] = int32(i)
	}
	t.next = len(t.order)
	t.dense = []*adam{
		newAdam(m.bias, t.grad.bias), newAdam(m.output, t.grad.output), newAdam(m.outBias, t.grad.outBias),
	}
	return t
}

// draw fills t.at with the next positions; each position comes once before any comes again.
func (t *trainer) draw() {
	for b := range t.at {
		if t.next == len(t.order) {
			for i := len(t.order) - 1; i > 0; i-- {
				j := t.rng.below(i + 1)
				t.order[i], t.order[j] = t.order[j], t.order[i]
			}
			t.next = 0
		}
		t.at[b] = t.order[t.next]
		t.next++
	}
}

// backward computes the gradients for the batch t.at and returns its mean loss in nats.
func (t *trainer) backward(text []uint16) float64 {
	m, p, v, n := t.model, t.pass, t.model.vocab.size(), len(t.at)
	m.forward(p, text, t.at)
	m.probabilities(p, n)
	loss := p.nats(text, t.at, v) / float64(n)

	clear(t.grad.before)
	clear(t.grad.bias)
	clear(t.grad.output)
	clear(t.grad.outBias)
	share := 1 / float32(n)
	for b, position := range t.at {
		row := p.logits[b*v:][:v]
		row[text[position]]--
		for k := range row {
			row[k] = float32(row[k] * share)
			t.grad.outBias[k/4][k%4] += row[k]
		}
	}
	matMulTAdd(t.grad.output, p.logits, p.hidden, v, m.width, n)
	matMulAdd(t.grad.before, p.logits, m.output, n, m.width, v)
	for b := range n {
		before, hidden := t.grad.before[b*m.width:][:m.width], p.hidden[b*m.width:][:m.width]
		for k := range hidden {
			for lane, h := range &hidden[k] {
				if h <= 0 { // the rectifier's slope is 0 here and 1 elsewhere
					before[k][lane] = 0
				}
			}
		}
		add(t.grad.bias, before)
	}
	return loss
}

// step trains on one batch; decay in (0, 1] scales the learning rates. It returns the batch's mean loss in nats.
func (t *trainer) step(text []uint16, h hyper, decay float32) float64 {
	t.draw()
	loss := t.backward(text)
	for _, d := range t.dense {
		d.update(h.Rate * decay)
	}
	m := t.model
	perSample := float32(len(t.at)) // rows learn from each sample's own gradient, not from its share of the mean
	for b := range t.at {
		g := t.grad.before[b*m.width:][:m.width]
		square := float32(dot(g, g)*perSample) * perSample / float32(m.Hidden)
		for _, row := range t.pass.active[b*m.inputs():][:m.inputs()] {
			t.seen[row] += square
			rate := h.RowRate * decay * perSample / (sqrt32(t.seen[row]) + 1e-8)
			axpy(m.rows[int(row)*m.width:][:m.width], -rate, g)
		}
	}
	return loss
}

// adam is the optimizer of Kingma and Ba (2015) for one tensor.
type adam struct {
	weights, grad []quad
	mean, square  []quad
	beta1, beta2  float32 // powers of the decay rates after the steps so far
}

func newAdam(weights, grad []quad) *adam {
	return &adam{
		weights: weights, grad: grad, mean: make([]quad, len(grad)), square: make([]quad, len(grad)),
		beta1: 1, beta2: 1,
	}
}

func (a *adam) update(rate float32) {
	a.beta1 = float32(a.beta1 * 0.9)
	a.beta2 = float32(a.beta2 * 0.999)
	rate *= sqrt32(1-a.beta2) / (1 - a.beta1)
	grad, mean, square := a.grad[:len(a.weights)], a.mean[:len(a.weights)], a.square[:len(a.weights)]
	for i := range a.weights {
		w, g, mu, sq := &a.weights[i], &grad[i], &mean[i], &square[i]
		for lane, x := range g {
			mu[lane] = float32(mu[lane]*0.9) + float32(x*0.1)
			sq[lane] = float32(sq[lane]*0.999) + float32(float32(x*x)*0.001)
			w[lane] -= float32(rate * mu[lane] / (sqrt32(sq[lane]) + 1e-8))
		}
	}
}
