package main

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// vocabulary is what sentences are made of: plain words of all lengths with all
// letters.
const vocabulary = `the quick harbour keeps a small yellow engine under glass and every morning someone measures how far
it moved during winter nobody believed that machines could dream yet seven painters wrote about copper rivers between
quiet mountains where lazy foxes jump over boxes of dried fruit next to an old library whose keeper fixes clocks for
visitors from villages beyond valleys because knowledge travels slowly along narrow paths until judges recognise value`

// sentences returns n sentences that nobody has written before: the words are
// ordinary, their order comes from the seed.
func sentences(seed uint64, n int) []string {
	words := strings.Fields(vocabulary)
	r := rand.New(rand.NewPCG(seed, 2026))
	var out []string
	for range n {
		var s []string
		for range 6 + r.IntN(6) {
			s = append(s, words[r.IntN(len(words))])
		}
		s[0] = strings.ToUpper(s[0][:1]) + s[0][1:]
		out = append(out, strings.Join(s, " ")+".")
	}
	return out
}

// paper renders lines as black text on a white page, as a scanner with 200 dots
// an inch would see them.
func paper(t testing.TB, lines []string) *image.Gray {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	require.NoError(t, err)
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 12, DPI: 200, Hinting: font.HintingNone})
	require.NoError(t, err)
	const margin, step = 100, 56
	width := 0
	for _, l := range lines {
		width = max(width, font.MeasureString(face, l).Ceil())
	}
	img := image.NewGray(image.Rect(0, 0, width+2*margin, step*len(lines)+2*margin))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	for i, l := range lines {
		d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(margin, margin+step*(i+1)-16)}
		d.DrawString(l)
	}
	return img
}

// savePNG writes img under dir and returns the file's path.
func savePNG(t testing.TB, dir, name string, img image.Image) string {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, img))
	require.NoError(t, f.Close())
	return file
}
