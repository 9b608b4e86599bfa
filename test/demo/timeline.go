package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// timeline prints what happens, each step with the seconds since the start.
type timeline struct {
	begin time.Time
	out   io.Writer
}

func (t timeline) head(words string) { fmt.Fprintf(t.out, "\n%s\n", words) }

func (t timeline) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%7.1f s  %s\n", time.Since(t.begin).Seconds(), fmt.Sprintf(format, args...))
}

// lines shows what a program said, set in.
func (t timeline) lines(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(t.out, "           | %s\n", strings.TrimRight(line, "\r\n"))
	}
}

// emc writes uemc as EMC, as people read them.
func emc(uemc int64) string {
	sign := ""
	if uemc < 0 {
		sign, uemc = "-", -uemc
	}
	return fmt.Sprintf("%s%d.%06d EMC", sign, uemc/1_000_000, uemc%1_000_000)
}
