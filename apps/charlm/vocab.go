package main

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxSymbols caps the vocabulary, because the output layer costs time in proportion to it.
const maxSymbols = 256

// symbol is a character, or one byte of a character that is too rare to have a symbol of its own.
type symbol struct {
	isByte bool
	value  rune // the character, or the byte
}

// vocabulary maps text to symbols and back without loss. A text of at most 256 distinct characters has one symbol
// for each character. Of a richer text the most frequent characters have symbols, and the others are spelled as
// their UTF-8 bytes, which have symbols too.
type vocabulary struct {
	symbols []symbol
	byRune  map[rune]uint16
	byByte  [256]int16 // symbol of a spelled byte, -1 where there is none
}

// newVocabulary chooses the symbols for text, which must be valid UTF-8. Equal counts are ordered by code point, so
// that no map order reaches the result.
func newVocabulary(text []byte) *vocabulary {
	counts := map[rune]int{}
	for _, r := range string(text) {
		counts[r]++
	}
	runes := make([]rune, 0, len(counts))
	for r := range counts {
		runes = append(runes, r)
	}
	slices.SortFunc(runes, func(a, b rune) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return int(a) - int(b)
	})
	kept := len(runes)
	if kept > maxSymbols {
		// Each character moved to the spelled ones may need a few new byte symbols, so walk down until both fit.
		kept = maxSymbols
		for kept+len(spelledBytes(runes[kept:])) > maxSymbols {
			kept--
		}
	}
	var symbols []symbol
	for _, r := range slices.Sorted(slices.Values(runes[:kept])) {
		symbols = append(symbols, symbol{value: r})
	}
	for _, b := range spelledBytes(runes[kept:]) {
		symbols = append(symbols, symbol{isByte: true, value: rune(b)})
	}
	v, err := vocabularyOf(symbols)
	if err != nil {
		panic(err) // the symbols above are distinct by construction
	}
	return v
}

// vocabularyOf indexes symbols, which may come from a file; an error names what is wrong with them.
func vocabularyOf(symbols []symbol) (*vocabulary, error) {
	if len(symbols) == 0 || len(symbols) > maxSymbols {
		return nil, fmt.Errorf("expected 1 to %d symbols, got %d", maxSymbols, len(symbols))
	}
	v := &vocabulary{symbols: symbols, byRune: make(map[rune]uint16, len(symbols))}
	for i := range v.byByte {
		v.byByte[i] = -1
	}
	for i, s := range symbols {
		switch {
		case s.isByte && (s.value < 0 || s.value > 255 || v.byByte[s.value] >= 0):
			return nil, fmt.Errorf("symbol %d is not a new byte: %d", i, s.value)
		case s.isByte:
			v.byByte[s.value] = int16(i)
		case !utf8.ValidRune(s.value):
			return nil, fmt.Errorf("symbol %d is not a character: %d", i, s.value)
		default:
			if _, again := v.byRune[s.value]; again {
				return nil, fmt.Errorf("symbol %d is listed twice: %q", i, s.value)
			}
			v.byRune[s.value] = uint16(i)
		}
	}
	return v, nil
}

// spelledBytes returns the distinct UTF-8 bytes of runes, ascending.
func spelledBytes(runes []rune) []byte {
	var seen [256]bool
	for _, r := range runes {
		for _, b := range utf8.AppendRune(nil, r) {
			seen[b] = true
		}
	}
	var out []byte
	for b, ok := range seen {
		if ok {
			out = append(out, byte(b))
		}
	}
	return out
}

func (v *vocabulary) size() int { return len(v.symbols) }

// encode turns text into symbols and returns, beside them, the characters it had to leave out because the
// vocabulary cannot express them (never any for the text that the vocabulary was made from).
func (v *vocabulary) encode(text string) (symbols []uint16, unknown []rune) {
	symbols = make([]uint16, 0, len(text))
	for _, r := range text {
		if s, ok := v.byRune[r]; ok {
			symbols = append(symbols, s)
			continue
		}
		start := len(symbols)
		for _, b := range utf8.AppendRune(nil, r) {
			s := v.byByte[b]
			if s < 0 {
				symbols, unknown = symbols[:start], append(unknown, r)
				break
			}
			symbols = append(symbols, uint16(s))
		}
	}
	return symbols, unknown
}

// appendText adds the text of symbol s to dst.
func (v *vocabulary) appendText(dst []byte, s uint16) []byte {
	if sym := v.symbols[s]; sym.isByte {
		return append(dst, byte(sym.value))
	}
	return utf8.AppendRune(dst, v.symbols[s].value)
}

// mayFollow says whether symbol s can come next when spelled holds the bytes of an unfinished character. It keeps
// generated text valid UTF-8.
func (v *vocabulary) mayFollow(spelled []byte, s uint16) bool {
	sym := v.symbols[s]
	if !sym.isByte {
		return len(spelled) == 0
	}
	b := append(append(make([]byte, 0, utf8.UTFMax), spelled...), byte(sym.value))
	if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
		return n == len(b)
	}
	return !utf8.FullRune(b) // the beginning of a character, or not a character at all
}
