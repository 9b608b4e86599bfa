package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The weights file, all numbers little-endian:
//
//	8 bytes   "CHARLM01": the format and its version
//	5×uint32  Context, Orders, Rows, Hidden, V
//	V×uint32  symbols: a Unicode code point, or 0x80000000 + a byte
//	float32…  rows, bias, output, outBias (V values), in the order and dimensions of model
//	32 bytes  SHA-256 of all that precedes
const weightsMagic = "CHARLM01"

const byteSymbol = 1 << 31

// maxWeights bounds the bytes of a weights file: more than the format's largest sensible model needs.
const maxWeights = 256 << 20

var errWeights = errors.New("not a usable weights file; train it again with `charlm train`")

// encodeWeights returns the weights file of m.
func (m *model) encodeWeights() []byte {
	out := make([]byte, 0, m.fileSize(m.vocab.size()))
	out = append(out, weightsMagic...)
	for _, n := range []int{m.Context, m.Orders, m.Rows, m.Hidden, m.vocab.size()} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	for _, s := range m.vocab.symbols {
		code := uint32(s.value)
		if s.isByte {
			code |= byteSymbol
		}
		out = binary.LittleEndian.AppendUint32(out, code)
	}
	for x := range m.values() {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(*x))
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// decodeWeights reads a weights file. Errors wrap errWeights and say what is wrong. It allocates nothing that the
// file's own length does not pay for.
func decodeWeights(file []byte) (*model, error) {
	const head = len(weightsMagic) + 5*4
	switch {
	case len(file) > maxWeights:
		return nil, fmt.Errorf("%w: it has %d bytes, expected at most %d", errWeights, len(file), maxWeights)
	case len(file) < head+sha256.Size || !bytes.HasPrefix(file, []byte(weightsMagic)):
		return nil, fmt.Errorf("%w: it does not start with %q", errWeights, weightsMagic)
	}
	body := file[:len(file)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], file[len(body):]) {
		return nil, fmt.Errorf("%w: its SHA-256 does not match, so it is damaged or incomplete", errWeights)
	}
	number := func() int {
		n := binary.LittleEndian.Uint32(body)
		body = body[4:]
		return int(n)
	}
	body = body[len(weightsMagic):]
	s := shape{Context: number(), Orders: number(), Rows: number(), Hidden: number()}
	count := number()
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", errWeights, err)
	}
	if count > maxSymbols || len(body) < 4*count {
		return nil, fmt.Errorf("%w: it announces %d symbols", errWeights, count)
	}
	symbols := make([]symbol, count)
	for i := range symbols {
		code := uint32(number())
		symbols[i] = symbol{isByte: code&byteSymbol != 0, value: rune(code &^ byteSymbol)}
	}
	v, err := vocabularyOf(symbols)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWeights, err)
	}
	if want := s.fileSize(count); len(file) != want {
		return nil, fmt.Errorf("%w: expected %d bytes, got %d", errWeights, want, len(file))
	}
	m := newModel(s, v)
	for x := range m.values() {
		*x = math.Float32frombits(uint32(number()))
		if math.IsNaN(float64(*x)) || math.IsInf(float64(*x), 0) {
			return nil, fmt.Errorf("%w: it holds a weight that is not a number", errWeights)
		}
	}
	return m, nil
}

// fileSize returns the bytes of the weights file of a model of shape s with vocab symbols.
func (s shape) fileSize(vocab int) int {
	return len(weightsMagic) + 5*4 + 4*vocab + 4*s.parameters(vocab) + sha256.Size
}

// values yields every parameter in the order of the weights file.
func (m *model) values() func(yield func(*float32) bool) {
	return func(yield func(*float32) bool) {
		left := m.parameters()
		for _, tensor := range [][]quad{m.rows, m.bias, m.output, m.outBias} {
			for i := range tensor {
				for lane := range tensor[i] {
					// The last quad of outBias is padded; the padding comes last and is no parameter.
					if left == 0 || !yield(&tensor[i][lane]) {
						return
					}
					left--
				}
			}
		}
	}
}
