package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime/docker"
)

// fakeName begins the name under which the test binary acts as Tesseract; its
// rest says how.
const fakeName = "ocr-fake-"

// dockerChild makes the test binary act as the worker's hidden subcommand.
const dockerChild = "docker-child"

func TestMain(m *testing.M) {
	// Tesseract gets an environment of the program's own, so the way to behave
	// comes with the name under which the binary is called.
	if how, ok := strings.CutPrefix(filepath.Base(os.Args[0]), fakeName); ok {
		os.Exit(fake(how, os.Args[1:]))
	}
	if len(os.Args) > 1 && os.Args[1] == dockerChild {
		os.Exit(docker.Child(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == fullSpace {
		os.Exit(runInFullSpace(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// fake behaves as Tesseract does in the given situation.
func fake(how string, args []string) int {
	var pnm bytes.Buffer
	if how != "leaves" {
		if _, err := pnm.ReadFrom(os.Stdin); err != nil {
			return 9
		}
	}
	switch how {
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "fails":
		fmt.Fprintln(os.Stderr, "Error opening data file")
		return 3
	case "silent", "leaves":
		return 0
	}
	const row = "5\t1\t1\t1\t1\t1\t0\t0\t1\t1\t90.5\t"
	table := "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n" + row + "two\n" + row + " \n" + row + "words\n"
	text := strings.Join(args, " ") + "\n" + strings.Join(os.Environ(), "\n") + "\n" + pnm.String()
	for suffix, content := range map[string]string{".txt": text, ".tsv": table} {
		if err := os.WriteFile(args[1]+suffix, []byte(content), 0o600); err != nil && how != "careless" {
			return 9
		}
	}
	return 0
}

// ocr runs the program over in with a Tesseract that behaves as said.
func ocr(t *testing.T, how, in string, args ...string) (code int, stdout, stderr, out string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), fakeName+how)
	require.NoError(t, os.Symlink(self, program))
	out = t.TempDir()
	var o, e strings.Builder
	code = run(append([]string{"--in", in, "--out", out, "--tesseract", program}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String(), out
}

func TestPagesAreReadInOrder(t *testing.T) {
	in := t.TempDir()
	img := image.NewGray(image.Rect(0, 0, 3, 2))
	copy(img.Pix, []byte{1, 2, 3, 4, 5, 6})
	for _, name := range []string{"b.png", "a/2.PNG", "a/1.png"} {
		savePNG(t, in, name, img)
	}
	code, stdout, stderr, out := ocr(t, "works", in, "--psm", "6")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, `page 1 of 3: a/1.png, 3 x 2 pixels, 2 words, mean confidence 90 %
page 2 of 3: a/2.PNG, 3 x 2 pixels, 2 words, mean confidence 90 %
page 3 of 3: b.png, 3 x 2 pixels, 2 words, mean confidence 90 %
RESULT {"pages":3,"words":6}
`, stdout)
	text, err := os.ReadFile(filepath.Join(out, "a", "2.txt"))
	require.NoError(t, err)
	require.Contains(t, string(text), "--psm 6")
	require.Contains(t, string(text), "OMP_THREAD_LIMIT=1")
	require.NotContains(t, string(text), "--dpi")
	require.True(t, strings.HasSuffix(string(text), "P5\n3 2\n255\n\x01\x02\x03\x04\x05\x06"), "%q", text)
	_, err = os.Stat(filepath.Join(out, "b.tsv"))
	require.NoError(t, err)
}

func TestBadInput(t *testing.T) {
	small := image.NewGray(image.Rect(0, 0, 40, 40))
	for i := range small.Pix {
		small.Pix[i] = byte(i * i) // does not compress to nothing
	}
	var whole bytes.Buffer
	require.NoError(t, png.Encode(&whole, small))
	file := func(name string, content []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
	}
	flipped := bytes.Clone(whole.Bytes())
	flipped[len(flipped)-20] ^= 1
	for _, c := range []struct {
		name  string
		place func(t *testing.T, dir string)
		want  string
	}{
		{"nothing", func(*testing.T, string) {}, "nothing to read"},
		{"an empty file", file("a.png", nil), "a.png is no PNG, it is empty"},
		{"a PDF", file("a.pdf", []byte("%PDF-1.7 and more")), "a.pdf is no PNG, it is a PDF"},
		{"a JPEG", file("a.png", []byte("\xff\xd8\xff\xe0 and more")), "it is a JPEG"},
		{"a text", file("a.txt", []byte("hello, this is text")), "it is something else"},
		{"a PNG of another name", file("a", whole.Bytes()), "without .png"},
		{"a PNG that ends in its header", file("a.png", whole.Bytes()[:20]), "a.png is a damaged PNG"},
		{"a PNG that ends in its pixels", file("a.png", whole.Bytes()[:200]), "a.png is a damaged PNG"},
		{"a PNG with a changed byte", file("a.png", flipped), "a.png is a damaged PNG"},
		{"a small file of 1.6 gigapixels", file("a.png", header(40_000, 40_000)), "40000 x 40000 pixels"},
		{"a small file of 64 megapixels", file("a.png", header(8_000, 8_000)), "300 dots an inch"},
		{"a line too long", file("a.png", header(32_768, 1)), "at most 32767 on a side"},
		{"two pages of one name", func(t *testing.T, dir string) {
			file("a.png", whole.Bytes())(t, dir)
			file("a.PNG", whole.Bytes())(t, dir)
		}, "would both become a.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := t.TempDir()
			c.place(t, in)
			code, _, stderr, out := ocr(t, "works", in)
			require.Equal(t, exitInput, code)
			require.Contains(t, stderr, c.want)
			left, err := os.ReadDir(out)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// chunk is a PNG chunk with its length and checksum.
func chunk(kind string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// header is a PNG that claims a size and has no pixels.
func header(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte(pngSignature), chunk("IHDR", append(ihdr, 8, 0, 0, 0, 0))...)
}

func TestResolution(t *testing.T) {
	phys := func(x, y uint32, unit byte) []byte {
		return chunk("pHYs", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, x), y), unit))
	}
	for _, c := range []struct {
		name string
		body [][]byte
		want int
	}{
		{"300 dots an inch", [][]byte{phys(11811, 11811, 1)}, 300},
		{"behind another chunk", [][]byte{chunk("tEXt", []byte("Title\x00page")), phys(7874, 7874, 1)}, 200},
		{"an aspect ratio only", [][]byte{phys(11811, 11811, 0)}, 0},
		{"different for each axis", [][]byte{phys(11811, 5905, 1)}, 0},
		{"beyond belief", [][]byte{phys(1<<31, 1<<31, 1)}, 0},
		{"none", nil, 0},
		{"behind the pixels", [][]byte{chunk("IDAT", nil), phys(11811, 11811, 1)}, 0},
		{"a chunk longer than the file", [][]byte{{0xff, 0xff, 0xff, 0xff, 't', 'E', 'X', 't'}, phys(11811, 11811, 1)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dpi, err := resolution(bytes.NewReader(append(header(1, 1), bytes.Join(c.body, nil)...)))
			require.NoError(t, err)
			require.Equal(t, c.want, dpi)
		})
	}
}

func TestTransparentBecomesWhite(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 4, 1))
	for x, c := range []color.NRGBA{{0, 0, 0, 0}, {10, 20, 30, 255}, {0, 0, 0, 128}, {255, 255, 255, 7}} {
		img.SetNRGBA(x, 0, c)
	}
	var b bytes.Buffer
	require.NoError(t, writePNM(&b, img))
	require.Equal(t, "P6\n4 1\n255\n\xff\xff\xff\x0a\x14\x1e\x7f\x7f\x7f\xff\xff\xff", b.String())
}

func TestTesseractFails(t *testing.T) {
	for how, want := range map[string]struct {
		code  int
		words string
	}{
		"killed": {137, "for want of memory"},
		"fails":  {exitInput, "reading failed: Tesseract: exit status 3: Error opening data file"},
		"silent": {exitInput, "the space for outputs is full"},
		"leaves": {exitInput, "the space for outputs is full"},
	} {
		t.Run(how, func(t *testing.T) {
			in := t.TempDir()
			savePNG(t, in, "a.png", image.NewGray(image.Rect(0, 0, 2000, 2000)))
			code, _, stderr, _ := ocr(t, how, in)
			require.Equal(t, want.code, code, stderr)
			require.Contains(t, stderr, want.words)
		})
	}
}

func TestBadCommandLine(t *testing.T) {
	for _, args := range [][]string{{"page.png"}, {"--psm", "0"}, {"--psm", "12"}, {"--lang", "deu"}} {
		code, _, stderr, _ := ocr(t, "works", t.TempDir(), args...)
		require.Equal(t, exitUsage, code)
		require.NotEmpty(t, stderr)
	}
}
