package jobclient

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"rpc error: code = NotFound desc = rpc error: code = NotFound desc = no job x: key not found":                    "no job x",
		"failed to execute message; message index: 0: node emc1 is draining: no node fits":                               "node emc1 is draining: no node fits",
		"rpc error: code = Unknown desc = max_price is missing [/a/b/baseapp.go:12] with gas used: '5': unknown request": "max_price is missing",
		"plain words": "plain words",
	} {
		require.Equal(t, want, Plain(in))
	}
}

// A worker's log must not be able to move the cursor, set the title or fill the clipboard.
func TestLogOnATerminal(t *testing.T) {
	var out bytes.Buffer
	w := (&Console{Log: &out, LogTerminal: true}).logWriter()
	for in, want := range map[string]string{
		"plain\tä\r\n":           "plain\tä\r\n",
		"\x1b[1;31mred\x1b[0m":   "\x1b[1;31mred\x1b[0m",
		"\x1b[2Jgone":            "\\x1b[2Jgone",
		"\x1b]52;c;aGk=\x07":     "\\x1b]52;c;aGk=\\x07",
		"\u009b2J\x08":           "\\x9b2J\\x08",
		"\x1b[99999999999999999": "\\x1b[99999999999999999",
	} {
		out.Reset()
		n, err := w.Write([]byte(in))
		require.NoError(t, err)
		require.Equal(t, len(in), n)
		require.Equal(t, want, out.String())
	}
	out.Reset()
	_, err := (&Console{Log: &out}).logWriter().Write([]byte("\x1b[2J"))
	require.NoError(t, err)
	require.Equal(t, "\x1b[2J", out.String(), "a pipe gets the bytes")
}

func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	tell, done := (&Console{Words: &out}).Progress("Uploading")
	for n := int64(0); n <= 100; n++ {
		tell(n, 100) // too little for a line
		tell(n<<20, 100<<20)
	}
	done()
	require.Equal(t, "Uploading 0 % of 100.0 MiB\nUploading 25 % of 100.0 MiB\nUploading 50 % of 100.0 MiB\nUploading 75 % of 100.0 MiB\nUploading 100 % of 100.0 MiB\n", out.String())
}

func TestUnshown(t *testing.T) {
	var out bytes.Buffer
	var shown int64
	for _, text := range []string{"abc", "abcdef", "abcdef", "abcdefg"} {
		u := &unshown{w: &out, shown: &shown}
		for i := 0; i < len(text); i += 2 {
			_, err := u.Write([]byte(text[i:min(i+2, len(text))]))
			require.NoError(t, err)
		}
	}
	require.Equal(t, "abcdefg", out.String())
}

func TestWordsBeginTheirOwnLine(t *testing.T) {
	var out bytes.Buffer
	c := &Console{Words: &out, Log: &out}
	_, err := c.logWriter().Write([]byte("no line end"))
	require.NoError(t, err)
	c.Say("Ended.")
	c.Say("Again.")
	require.Equal(t, "no line end\nEnded.\nAgain.\n", out.String())
}

// What a worker says of a run is shown, and cannot steer the terminal.
func TestWorkersMessage(t *testing.T) {
	var out bytes.Buffer
	c := &Client{Console: &Console{Words: &out}}
	c.sayMessage(job.Result{})
	require.Empty(t, out.String())
	c.sayMessage(job.Result{Message: "not delivered: \"a\" is a device.\n\x1b[2Jmore"})
	require.Equal(t, "The worker says: not delivered: \"a\" is a device.  [2Jmore.\n", out.String())
}
