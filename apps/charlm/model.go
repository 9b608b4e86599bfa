package main

import "fmt"

// shape holds the dimensions of a model. Everything else about it follows from them and from the vocabulary.
type shape struct {
	Context int // preceding symbols that are seen one by one
	Orders  int // preceding 2, 3, …, Orders+1 symbols are also seen as a group
	Rows    int // rows in the table of each group; a power of two
	Hidden  int // width of the hidden layer
}

// defaultShape was chosen by measurement; README.md has the figures.
var defaultShape = shape{Context: 8, Orders: 5, Rows: 1 << 13, Hidden: 48}

// validate bounds what a weights file may make us allocate.
func (s shape) validate() error {
	switch {
	case s.Context < 1 || s.Context > 64:
		return fmt.Errorf("expected a context of 1 to 64 symbols, got %d", s.Context)
	case s.Orders < 0 || s.Orders >= s.Context:
		return fmt.Errorf("expected 0 groups or more, fewer than the context, got %d", s.Orders)
	case s.Rows < 1 || s.Rows > 1<<18 || s.Rows&(s.Rows-1) != 0:
		return fmt.Errorf("expected a power of two of rows, at most %d, got %d", 1<<18, s.Rows)
	case s.Hidden < 4 || s.Hidden > 512 || s.Hidden%4 != 0:
		return fmt.Errorf("expected a hidden layer of 4 to 512 units, a multiple of 4, got %d", s.Hidden)
	}
	return nil
}

// rowCount is the number of first-layer rows for a vocabulary of vocab symbols.
func (s shape) rowCount(vocab int) int { return s.Context*(vocab+1) + s.Orders*s.Rows }

// parameters is the number of trained values for a vocabulary of vocab symbols.
func (s shape) parameters(vocab int) int {
	return (s.rowCount(vocab)+1+vocab)*s.Hidden + vocab
}

// model predicts the next symbol from the ones before it:
//
//	hidden = max(0, bias + Σp position[p, symbol p back] + Σk group[k, hash of the last k symbols])
//	P(next) = softmax(output·hidden + outBias)
//
// Position and group rows are the first layer's weights for one-hot inputs, so a step reads and changes only the
// few rows that its samples use. That is what makes a large model affordable on one core.
type model struct {
	shape
	vocab   *vocabulary
	width   int    // quads in a row, Hidden/4
	rows    []quad // (Context·(V+1) + Orders·Rows) × Hidden; symbol V stands for "before the text"
	bias    []quad // Hidden
	output  []quad // V × Hidden
	outBias []quad // V, padded to whole quads with zeros
}

func newModel(s shape, v *vocabulary) *model {
	m := &model{shape: s, vocab: v, width: s.Hidden / 4}
	m.rows = make([]quad, m.rowCount()*m.width)
	m.bias = make([]quad, m.width)
	m.output = make([]quad, v.size()*m.width)
	m.outBias = make([]quad, (v.size()+3)/4)
	return m
}

func (m *model) rowCount() int { return m.shape.rowCount(m.vocab.size()) }

func (m *model) parameters() int { return m.shape.parameters(m.vocab.size()) }

// randomize sets the starting weights. The groups start at zero: one that was never trained says nothing.
func (m *model) randomize(r *random) {
	for _, tensor := range [][]quad{m.rows[:m.Context*(m.vocab.size()+1)*m.width], m.output} {
		for i := range tensor {
			for k := range tensor[i] {
				tensor[i][k] = r.symmetric(0.1)
			}
		}
	}
}

// inputs is the number of rows that each prediction adds up.
func (m *model) inputs() int { return m.Context + m.Orders }

// activeRows writes to dst the rows that predict text[at].
func (m *model) activeRows(dst []int32, text []uint16, at int) {
	pad := m.vocab.size()
	groups := m.Context * (pad + 1)
	hash := uint64(0)
	for p := range m.Context {
		s := pad
		if at-1-p >= 0 {
			s = int(text[at-1-p])
		}
		dst[p] = int32(p*(pad+1) + s)
		if p > m.Orders {
			continue
		}
		hash = (hash + uint64(s) + 1) * 0x9e3779b97f4a7c15
		hash ^= hash >> 29
		if p > 0 {
			row := (hash * 0xbf58476d1ce4e5b9) >> 40 & uint64(m.Rows-1)
			dst[m.Context+p-1] = int32(groups + (p-1)*m.Rows + int(row))
		}
	}
}

// pass holds the intermediate values for a batch of predictions.
type pass struct {
	active []int32   // batch × inputs
	hidden []quad    // batch × Hidden
	logits []float32 // batch × V; after probabilities(), P(symbol)
}

func (m *model) newPass(batch int) *pass {
	return &pass{
		active: make([]int32, batch*m.inputs()),
		hidden: make([]quad, batch*m.width),
		logits: make([]float32, batch*m.vocab.size()),
	}
}

// forward computes the logits for text[at] of each position.
func (m *model) forward(p *pass, text []uint16, at []int32) {
	for b, position := range at {
		active := p.active[b*m.inputs():][:m.inputs()]
		m.activeRows(active, text, int(position))
		hidden := p.hidden[b*m.width:][:m.width]
		copy(hidden, m.bias)
		for _, row := range active {
			add(hidden, m.rows[int(row)*m.width:][:m.width])
		}
		rectify(hidden)
	}
	v := m.vocab.size()
	matMulT(p.logits, p.hidden, m.output, len(at), v, m.width)
	for b := range at {
		row := p.logits[b*v:][:v]
		for k := range row {
			row[k] += m.outBias[k/4][k%4]
		}
	}
}

// probabilities turns the first n rows of logits into distributions.
func (m *model) probabilities(p *pass, n int) {
	v := m.vocab.size()
	for b := range n {
		softmax(p.logits[b*v:][:v])
	}
}

// loss returns the mean nats per symbol over text[from:].
func (m *model) loss(text []uint16, from int) float64 {
	const batch = 64
	p := m.newPass(batch)
	at := make([]int32, 0, batch)
	sum := 0.0
	for i := from; i < len(text); i += len(at) {
		at = at[:0]
		for j := i; j < len(text) && j < i+batch; j++ {
			at = append(at, int32(j))
		}
		m.forward(p, text, at)
		m.probabilities(p, len(at))
		sum += p.nats(text, at, m.vocab.size())
	}
	return sum / float64(len(text)-from)
}

// nats sums the loss of the batch whose probabilities p holds.
func (p *pass) nats(text []uint16, at []int32, vocab int) float64 {
	sum := 0.0
	for b, position := range at {
		// A probability can round to zero in float32; the floor keeps one such symbol from making the sum infinite.
		sum -= ln(max(float64(p.logits[b*vocab+int(text[position])]), 1e-30))
	}
	return sum
}
