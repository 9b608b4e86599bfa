package jobclient

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Console is where the client speaks. Its own words and the job's log go to different writers, so that a log can be
// piped.
type Console struct {
	Words io.Writer
	Log   io.Writer
	// WordsTerminal and LogTerminal say that a person looks at that writer.
	WordsTerminal, LogTerminal bool
	// midLine: the log shown last did not end with its line.
	midLine atomic.Bool
}

// Say prints one line of the client's own words.
func (c *Console) Say(format string, args ...any) {
	if c.WordsTerminal == c.LogTerminal && c.midLine.Swap(false) {
		fmt.Fprintln(c.Words) // both are read together: do not hang on to the program's last line
	}
	fmt.Fprintf(c.Words, format+"\n", args...)
}

// linesFrom is the least amount of bytes that is worth lines of progress.
const linesFrom = 1 << 20

// Progress shows bytes on their way: a bar on a terminal, otherwise, when there are many, a line for each quarter. Done must be called.
func (c *Console) Progress(label string) (tell transfer.Progress, done func()) {
	if c.WordsTerminal {
		return c.bar(label)
	}
	return c.lines(label)
}

func (c *Console) bar(label string) (transfer.Progress, func()) {
	var mu sync.Mutex
	var bar *progressbar.ProgressBar
	tell := func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if total <= 0 {
			return
		}
		if bar == nil || bar.GetMax64() != total {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(c.Words), progressbar.OptionSetDescription(label),
				progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(24),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))
		}
		_ = bar.Set64(done) // only the terminal could fail
	}
	return tell, func() {
		mu.Lock()
		defer mu.Unlock()
		if bar != nil {
			_ = bar.Clear()
		}
	}
}

func (c *Console) lines(label string) (transfer.Progress, func()) {
	var mu sync.Mutex
	last := int64(-1)
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if total < linesFrom {
			return
		}
		if quarter := done * 4 / total; quarter > last {
			last = quarter
			c.Say("%s %d %% of %s", label, quarter*25, bytesWord(total))
		}
	}, func() {}
}

// logWriter is where the job's log is shown. The log comes from a stranger's machine: on a terminal its control
// characters, which could rewrite what the client said or fill the clipboard, are shown instead of obeyed; only tabs,
// line ends and colours pass. A pipe gets the bytes as they are.
func (c *Console) logWriter() io.Writer {
	if !c.LogTerminal {
		return logLine{c.Log, c}
	}
	return logLine{visible{c.Log}, c}
}

// logLine remembers whether the log ended with its line.
type logLine struct {
	io.Writer
	console *Console
}

// Write implements io.Writer.
func (l logLine) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.console.midLine.Store(p[len(p)-1] != '\n')
	}
	return l.Writer.Write(p)
}

type visible struct{ w io.Writer }

// Write implements io.Writer.
func (v visible) Write(p []byte) (int, error) {
	var b strings.Builder
	for i, r := range string(p) {
		switch {
		case r == '\n', r == '\t', r == '\r':
			b.WriteRune(r)
		case r == 0x1b && isColour(p[i:]):
			b.WriteRune(r)
		case r < 0x20, r == 0x7f, r >= 0x80 && r < 0xa0:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteRune(r)
		}
	}
	if _, err := io.WriteString(v.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isColour reports whether p begins with ESC [ digits and semicolons m.
func isColour(p []byte) bool {
	if len(p) < 3 || p[1] != '[' {
		return false
	}
	for _, c := range p[2:min(len(p), 24)] {
		if c == 'm' {
			return true
		}
		if (c < '0' || c > '9') && c != ';' {
			return false
		}
	}
	return false
}
