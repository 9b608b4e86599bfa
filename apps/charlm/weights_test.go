package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func smallWeights(t *testing.T) []byte {
	tr, text := smallTrainer(t, rich(300), shape{Context: 4, Orders: 2, Rows: 16, Hidden: 8}, 8)
	for range 5 {
		tr.step(text, defaultHyper, 1)
	}
	return tr.model.encodeWeights()
}

func TestWeightsRoundTrip(t *testing.T) {
	file := smallWeights(t)
	m, err := decodeWeights(file)
	require.NoError(t, err)
	require.Equal(t, file, m.encodeWeights())
	require.Len(t, file, m.fileSize(m.vocab.size()))
}

func TestDamagedWeightsAreRefused(t *testing.T) {
	good := smallWeights(t)
	for at := 0; at < len(good); at += 97 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 1
		_, err := decodeWeights(bad)
		require.ErrorIs(t, err, errWeights, "byte %d", at)
	}
	for _, length := range []int{0, 1, 8, 27, 28, 59, 60, len(good) - 1} {
		_, err := decodeWeights(good[:length])
		require.ErrorIs(t, err, errWeights, "length %d", length)
	}
	_, err := decodeWeights(append(append([]byte(nil), good...), 0))
	require.ErrorIs(t, err, errWeights)
}

// A stranger can compute a SHA-256 too: what it covers is checked all the same.
func TestForgedWeightsAreRefused(t *testing.T) {
	const head = len(weightsMagic)
	forge := func(change func(body []byte) []byte) error {
		good := smallWeights(t)
		body := change(good[:len(good)-sha256.Size])
		sum := sha256.Sum256(body)
		_, err := decodeWeights(append(body, sum[:]...))
		return err
	}
	set := func(at int, value uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], value); return b }
	}
	require.NoError(t, forge(func(b []byte) []byte { return b }))
	for name, change := range map[string]func([]byte) []byte{
		"error - context zero":         set(head, 0),
		"error - context huge":         set(head, math.MaxUint32),
		"error - more groups":          set(head+4, 3),
		"error - rows not a power":     set(head+8, 17),
		"error - rows huge":            set(head+8, 1<<18),
		"error - hidden not quads":     set(head+12, 7),
		"error - hidden huge":          set(head+12, 512),
		"error - no symbols":           set(head+16, 0),
		"error - too many symbols":     set(head+16, math.MaxUint32),
		"error - surrogate character":  set(head+20, 0xd800),
		"error - byte over 255":        set(head+20, byteSymbol|256),
		"error - weight is not finite": func(b []byte) []byte { return set(len(b)-4, 0x7f800000)(b) },
		"error - same symbol twice": func(b []byte) []byte {
			copy(b[head+20:], b[head+24:head+28])
			return b
		},
		"error - cut": func(b []byte) []byte { return b[:len(b)-4] },
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, forge(change), errWeights) })
	}
}
