package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// boxes is the summary of a page's TSV.
type boxes struct {
	words      int
	confidence float64 // sum over words, in percent
}

func (b boxes) String() string {
	if b.words == 0 {
		return "no words found"
	}
	return fmt.Sprintf("%d words, mean confidence %.0f %%", b.words, b.confidence/float64(b.words))
}

// readBoxes reads the table that Tesseract wrote.
func readBoxes(file string) (boxes, error) {
	var b boxes
	f, err := os.Open(file)
	if err != nil {
		return b, err
	}
	defer f.Close()
	// level page block paragraph line word left top width height conf text
	const columns, confidence, text = 12, 10, 11
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		c := strings.Split(lines.Text(), "\t")
		if len(c) < columns {
			return b, fmt.Errorf("line %d of Tesseract's table has %d columns, expected %d", n+1, len(c), columns)
		}
		if n == 0 || strings.TrimSpace(c[text]) == "" {
			continue
		}
		percent, err := strconv.ParseFloat(c[confidence], 64)
		if err != nil {
			return b, fmt.Errorf("line %d of Tesseract's table: %w", n+1, err)
		}
		b.words++
		b.confidence += percent
	}
	return b, lines.Err()
}
