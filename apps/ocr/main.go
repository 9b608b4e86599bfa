// Command ocr is the program of the ocr app: it reads the text on every PNG in
// /in with Tesseract and writes it to /out. It is the entrypoint of a container
// image that apps/ocr/pack.sh packs from Debian's packages.
//
// Tesseract never sees a customer's file. Each PNG is checked and decoded here,
// in Go, and handed over as plain pixels, so a hostile image meets neither
// libpng nor the other parsers of Tesseract's image library. Threads and locale
// are pinned: the same page gives the same bytes on every machine of the
// architecture.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Exit codes. A signal that ended Tesseract is 128 + its number, as in a shell.
const (
	exitOK    = 0
	exitInput = 1 // bad input or output
	exitUsage = 2 // bad command line
)

// settings are what the command line can say.
type settings struct {
	in, out      string
	tesseract    string
	model        string
	segmentation int
}

const usage = `usage: ocr [serve] [--psm N]

Reads every PNG in /in, in the order of names, and writes for page.png
  /out/page.txt   the text
  /out/page.tsv   a line for each block, line and word, with its box in pixels and its confidence in percent

serve speaks HTTP/1.1 on its input and output instead: POST /v1/images/read takes a PNG, or {"image": "data:image/png;base64,…"},
and answers {"text": …}.

flags:
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, with the exit code as its result.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var s settings
	serves := len(args) > 0 && args[0] == "serve"
	if serves {
		args = args[1:]
	}
	flags := flag.NewFlagSet("ocr", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.in, "in", "/in", "folder with the PNG files")
	flags.StringVar(&s.out, "out", "/out", "folder for the results")
	flags.IntVar(&s.segmentation, "psm", 3, "page segmentation: 3 a page, 4 one column, 6 one block, 7 one line, 11 scattered text")
	flags.StringVar(&s.tesseract, "tesseract", "/usr/bin/tesseract", "the Tesseract program")
	flags.StringVar(&s.model, "tessdata", "/usr/share/tesseract-ocr/5/tessdata", "folder with Tesseract's model")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "ocr: unexpected argument %q; pages are read from %s, give them as --input page.png\n", flags.Arg(0), s.in)
		return exitUsage
	}
	switch s.segmentation {
	case 3, 4, 5, 6, 7, 8, 9, 10, 11, 13:
	default:
		fmt.Fprintf(stderr, "ocr: --psm %d: expected one of 3 to 11, or 13\n", s.segmentation)
		return exitUsage
	}
	var err error
	if serves {
		err = s.serve(stdin, stdout)
	} else {
		err = recognise(s, stdout)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "ocr:", err)
	return exitCode(err)
}

// recognise reads all pages.
func recognise(s settings, log io.Writer) error {
	pages, err := findPages(s.in)
	if err != nil {
		return err
	}
	words := 0
	for i, p := range pages {
		img, err := p.decode()
		if err != nil {
			return err
		}
		base := filepath.Join(s.out, filepath.FromSlash(p.stem()))
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			return fmt.Errorf("cannot write the result of %s: %w", p.name, err)
		}
		if err := s.read(img, p.dpi, base); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		found, err := readBoxes(base + ".tsv")
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		words += found.words
		fmt.Fprintf(log, "page %d of %d: %s, %d x %d pixels, %s\n", i+1, len(pages), p.name, p.width, p.height, found)
	}
	fmt.Fprintf(log, "RESULT {\"pages\":%d,\"words\":%d}\n", len(pages), words)
	return nil
}
