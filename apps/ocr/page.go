package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Bounds on one page. A PNG of a few kilobytes can claim billions of pixels;
// these are read from its header, before anything is decoded.
const (
	// maxSide is the longest side that Tesseract takes, in pixels.
	maxSide = 32_767
	// maxPixels is A4 at 600 dots an inch, and a little more.
	maxPixels = 40_000_000
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// page is one PNG whose header has been checked.
type page struct {
	name          string // slash-separated, below the input folder
	file          string
	width, height int
	dpi           int // dots an inch as the file says, 0 when it does not
}

// stem is the name of the page's results without their suffix.
func (p page) stem() string {
	return p.name[:len(p.name)-len(filepath.Ext(p.name))]
}

// findPages lists the pages of a folder by name. Everything in it has to be a
// PNG: a customer who sends a PDF shall hear of it before he pays for the rest.
func findPages(dir string) ([]page, error) {
	var pages []page
	stems := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return nil
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		p, err := checkPage(file, filepath.ToSlash(name))
		if err != nil {
			return err
		}
		if other, ok := stems[p.stem()]; ok {
			return fmt.Errorf("%s and %s would both become %s.txt; rename one of them", other, p.name, p.stem())
		}
		stems[p.stem()] = p.name
		pages = append(pages, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(pages) == 0 {
		return nil, errors.New("there is nothing to read: give at least one PNG, as --input page.png")
	}
	return pages, nil
}

// checkPage reads a page's header.
func checkPage(file, name string) (page, error) {
	f, err := os.Open(file)
	if err != nil {
		return page{}, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	begin, err := r.Peek(len(pngSignature))
	if err != nil && !errors.Is(err, io.EOF) {
		return page{}, fmt.Errorf("%s: %w", name, err)
	}
	if string(begin) != pngSignature {
		return page{}, fmt.Errorf("%s is no PNG, it is %s; convert each page to PNG first", name, kind(begin))
	}
	if !strings.EqualFold(filepath.Ext(name), ".png") {
		return page{}, fmt.Errorf("%s is a PNG without .png at the end of its name; rename it", name)
	}
	config, err := png.DecodeConfig(r)
	if err != nil {
		return page{}, fmt.Errorf("%s is a damaged PNG: %w; save it again", name, err)
	}
	p := page{name: name, file: file, width: config.Width, height: config.Height}
	if p.width < 1 || p.height < 1 || p.width > maxSide || p.height > maxSide || p.width*p.height > maxPixels {
		return page{}, fmt.Errorf("%s has %d x %d pixels, at most %d on a side and %d in all are read; scan it at 300 dots an inch",
			name, p.width, p.height, maxSide, maxPixels)
	}
	p.dpi, err = resolution(f)
	if err != nil {
		return page{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// kind names what a file seems to be, from its first bytes.
func kind(begin []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"", "empty"}, {"%PDF", "a PDF"}, {"\xff\xd8\xff", "a JPEG"}, {"GIF8", "a GIF"},
		{"II*\x00", "a TIFF"}, {"MM\x00*", "a TIFF"}, {"BM", "a BMP"}, {"RIFF", "a WebP or another RIFF file"},
	} {
		if k.magic == "" && len(begin) == 0 || k.magic != "" && bytes.HasPrefix(begin, []byte(k.magic)) {
			return k.name
		}
	}
	return "something else"
}

// resolution returns the dots an inch that the PNG's pHYs chunk gives, or 0.
// Tesseract guesses the size of letters from it.
func resolution(f io.ReadSeeker) (int, error) {
	at := int64(len(pngSignature))
	for {
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return 0, err
		}
		var chunk [17]byte // length, type, and the nine bytes of a pHYs
		n, err := io.ReadFull(f, chunk[:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		kind := string(chunk[4:8])
		if n < len(chunk) || kind == "IDAT" || kind == "IEND" {
			return 0, nil // the decoder will say it if the file is damaged
		}
		if kind != "pHYs" {
			at += 12 + int64(binary.BigEndian.Uint32(chunk[:4]))
			continue
		}
		x, y, unit := binary.BigEndian.Uint32(chunk[8:12]), binary.BigEndian.Uint32(chunk[12:16]), chunk[16]
		const metre = 1
		if unit != metre || x != y {
			return 0, nil
		}
		dpi := (int64(x)*254 + 5_000) / 10_000
		if dpi < 70 || dpi > 2400 {
			return 0, nil // Tesseract would not believe it
		}
		return int(dpi), nil
	}
}

// decode returns the page's pixels.
func (p page) decode() (image.Image, error) {
	f, err := os.Open(p.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, err := png.Decode(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s is a damaged PNG: %w; save it again", p.name, err)
	}
	return img, nil
}

// writePNM writes the pixels as a binary PGM or PPM, the simplest formats that
// Tesseract reads. What is transparent becomes white paper.
func writePNM(w io.Writer, img image.Image) error {
	b := img.Bounds()
	out := bufio.NewWriterSize(w, 1<<20)
	gray, ok := img.(*image.Gray)
	if ok {
		fmt.Fprintf(out, "P5\n%d %d\n255\n", b.Dx(), b.Dy())
	} else {
		fmt.Fprintf(out, "P6\n%d %d\n255\n", b.Dx(), b.Dy())
	}
	row := make([]byte, 3*b.Dx())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		line := row
		if ok {
			line = gray.Pix[gray.PixOffset(b.Min.X, y):][:b.Dx()]
		} else {
			for x := range b.Dx() {
				row[3*x], row[3*x+1], row[3*x+2] = onWhite(img.At(b.Min.X+x, y))
			}
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// onWhite returns 8-bit red, green and blue of a pixel in front of white.
func onWhite(c color.Color) (r, g, b byte) {
	red, green, blue, alpha := c.RGBA() // premultiplied, 16 bits each
	rest := 0xffff - alpha
	return byte((red + rest) >> 8), byte((green + rest) >> 8), byte((blue + rest) >> 8)
}
