package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// rich makes a text of n different characters, the later ones rarer, and more than a byte long.
func rich(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(string(rune(0x4e00+i)), 1+2000/(i+1)))
	}
	return b.String() + "plain ASCII, é, 🙂"
}

func TestVocabularyRoundTrip(t *testing.T) {
	for name, text := range map[string]string{
		"success - ASCII":                   "func main() {}\n",
		"success - accents and emoji":       "élève — 🙂🙂",
		"success - more than 256 different": rich(700),
	} {
		t.Run(name, func(t *testing.T) {
			v := newVocabulary([]byte(text))
			require.LessOrEqual(t, v.size(), maxSymbols)
			symbols, unknown := v.encode(text)
			require.Empty(t, unknown)
			var back []byte
			for _, s := range symbols {
				require.Less(t, int(s), v.size())
				back = v.appendText(back, s)
			}
			require.Equal(t, text, string(back))
		})
	}
}

func TestVocabularyHasNoBytesWhenCharactersFit(t *testing.T) {
	for _, s := range newVocabulary([]byte("élève 🙂")).symbols {
		require.False(t, s.isByte)
	}
}

func TestEncodeNamesUnknownCharacters(t *testing.T) {
	symbols, unknown := newVocabulary([]byte("abc")).encode("a🙂c")
	require.Len(t, symbols, 2)
	require.Equal(t, []rune{'🙂'}, unknown)
}

// mayFollow lets exactly those sequences of bytes through that are UTF-8.
func TestMayFollow(t *testing.T) {
	v := newVocabulary([]byte(rich(700)))
	for s, sym := range v.symbols {
		if !sym.isByte {
			require.True(t, v.mayFollow(nil, uint16(s)))
			require.False(t, v.mayFollow([]byte{0xe4}, uint16(s)))
			continue
		}
		b := byte(sym.value)
		require.Equal(t, b < 0x80 || utf8.RuneStart(b), v.mayFollow(nil, uint16(s)), "%x", b)
		require.Equal(t, b >= 0x80 && b < 0xc0, v.mayFollow([]byte{0xe4}, uint16(s)), "%x", b)
	}
}
