package transfer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// What workers keep today has to be readable by the clients of tomorrow: the derivation is a format.
func TestIdentityOfAJob(t *testing.T) {
	id, err := transfer.Identity(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	require.Equal(t, "age172m7ajeh6r0qxjqxetgrdrunaw4l8exhm82ry4r55hykf8vqwfjsm9vxdm", id.Recipient().String())
	other, err := transfer.Identity(bytes.Repeat([]byte{8}, 32))
	require.NoError(t, err)
	require.NotEqual(t, id.Recipient().String(), other.Recipient().String())
}

func sealTo(t *testing.T, recipient string, plain []byte) []byte {
	t.Helper()
	to, err := age.ParseX25519Recipient(recipient)
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.LessOrEqual(t, int64(out.Len()), transfer.SealedMost(int64(len(plain))))
	return out.Bytes()
}

// sealedWorld is a worker that has encrypted outputs and log to whom the customer's client named.
func sealedWorld(t *testing.T, s setup, files map[string][]byte, log string) (*world, *proxy, job.Result) {
	t.Helper()
	w, p := newWorld(t, s)
	_, err := w.client.Offer(t.Context(), []byte("spec"), job.Salt{})
	require.NoError(t, err)
	require.NotEmpty(t, w.backend.recipient)
	r := w.backend.offerOutputs(t, files)
	w.backend.set(func(m *memory) {
		m.sealed = map[string][]byte{"log": sealTo(t, m.recipient, []byte(log))}
		for _, data := range files {
			m.sealed[sumOf(data)] = sealTo(t, m.recipient, data)
		}
	})
	return w, p, r
}

func requireFile(t *testing.T, want []byte, path ...string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), path)
}

func TestSealedOutputs(t *testing.T) {
	files := map[string][]byte{"empty": {}, "one": []byte("1"), "dir/two chunks": randomBytes(1, 64<<10+1), "whole chunk": randomBytes(2, 64<<10)}
	w, _, r := sealedWorld(t, setup{}, files, "")
	dir := t.TempDir()
	var done, total int64
	require.NoError(t, w.client.Download(t.Context(), dir, r, func(d, all int64) {
		require.LessOrEqual(t, d, all)
		done, total = d, all
	}))
	require.Equal(t, r.OutputBytes(), total)
	require.Equal(t, total, done)
	for name, data := range files {
		requireFile(t, data, dir, name)
	}
	require.NoDirExists(t, filepath.Join(dir, ".emc-partial"))
}

func TestSealedDownloadResumesAfterACut(t *testing.T) {
	data := randomBytes(1, 4*megabyte)
	w, p, r := sealedWorld(t, setup{cuts: []int64{megabyte, 2 * megabyte}}, map[string][]byte{"out": data}, "")
	dir := t.TempDir()
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	requireFile(t, data, dir, "out")
	require.Equal(t, 3, p.connections())
	require.Len(t, w.backend.puts, 3)
	require.Greater(t, w.backend.puts[1], int64(megabyte/2))
	require.Greater(t, w.backend.puts[2], w.backend.puts[1])
}

func TestSealedDownloadResumesInAnotherProcess(t *testing.T) {
	data := bytes.Repeat([]byte("plain words. "), 4*megabyte/13)
	w, _, r := sealedWorld(t, setup{}, map[string][]byte{"out": data}, "")
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := w.client.Download(ctx, dir, r, func(done, _ int64) {
		if done > megabyte {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	parts, err := filepath.Glob(filepath.Join(dir, ".emc-partial", "*"))
	require.NoError(t, err)
	require.Len(t, parts, 2, "the lock, and the age file")
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	requireFile(t, data, dir, "out")
	require.GreaterOrEqual(t, w.backend.puts[len(w.backend.puts)-1], int64(megabyte))
}

// The worker encrypts between two requests: what came of the plaintext is no beginning of the age file.
func TestOutputThatIsSealedMeanwhile(t *testing.T) {
	data := randomBytes(1, 4*megabyte)
	w, p, r := sealedWorld(t, setup{cuts: []int64{megabyte}}, map[string][]byte{"out": data}, "")
	sealed := w.backend.sealed
	w.backend.set(func(m *memory) {
		m.sealed = nil
		m.sealing = func() { m.sealed = sealed }
	})
	dir := t.TempDir()
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	requireFile(t, data, dir, "out")
	require.Equal(t, 2, p.connections())
	require.Equal(t, []bool{true, false, true}, []bool{w.backend.puts[0] == 0, w.backend.puts[1] == 0, w.backend.puts[2] == 0}, w.backend.puts)
}

func TestSealedOutputsThatAreWrong(t *testing.T) {
	data := randomBytes(1, 200_000)
	stranger, _, err := transfer.NewAccessKey()
	require.NoError(t, err)
	other, err := transfer.Identity(stranger)
	require.NoError(t, err)
	for name, change := range map[string]func(m *memory, sealed []byte) []byte{
		"a byte of the header":     func(_ *memory, b []byte) []byte { b[30] ^= 1; return b },
		"a byte of the last chunk": func(_ *memory, b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"the end is missing":       func(_ *memory, b []byte) []byte { return b[:len(b)-(64<<10)-16] },
		"to another key":           func(*memory, []byte) []byte { return sealTo(t, other.Recipient().String(), data) },
		"another plaintext":        func(m *memory, _ []byte) []byte { return sealTo(t, m.recipient, randomBytes(2, len(data))) },
		"a longer plaintext":       func(m *memory, _ []byte) []byte { return sealTo(t, m.recipient, make([]byte, len(data)+1)) },
		"no age file":              func(*memory, []byte) []byte { return make([]byte, len(data)+200) },
	} {
		t.Run(name, func(t *testing.T) {
			w, _, r := sealedWorld(t, setup{}, map[string][]byte{"out": data}, "")
			w.backend.set(func(m *memory) { m.sealed[sumOf(data)] = change(m, m.sealed[sumOf(data)]) })
			dir := t.TempDir()
			err := w.client.Download(t.Context(), dir, r, nil)
			require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err), err)
			require.NoFileExists(t, filepath.Join(dir, "out"))
		})
	}
	t.Run("without an end", func(t *testing.T) {
		w, _, r := sealedWorld(t, setup{}, map[string][]byte{"out": data}, "")
		w.backend.endless = true
		require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(w.client.Download(t.Context(), t.TempDir(), r, nil)))
	})
	t.Run("another form each time", func(t *testing.T) {
		big := randomBytes(3, 16*megabyte)
		w, _, r := sealedWorld(t, setup{cuts: []int64{megabyte, megabyte, megabyte, megabyte, megabyte, megabyte, megabyte, megabyte}}, map[string][]byte{"out": big}, "")
		sealed := w.backend.sealed
		w.backend.set(func(m *memory) {
			m.sealing = func() {
				if m.sealed == nil {
					m.sealed = sealed
				} else {
					m.sealed = nil
				}
			}
		})
		err := w.client.Download(t.Context(), t.TempDir(), r, nil)
		require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err), err)
	})
}

// A damaged age file of an earlier download is fetched again, once.
func TestDamagedPartialAgeFile(t *testing.T) {
	data := randomBytes(1, 4*megabyte)
	for name, left := range map[string][]byte{
		"other bytes":     []byte("age-encryption.org/v1\n" + string(make([]byte, 1000))),
		"longer than all": append([]byte("age-encryption.org/v1\n"), make([]byte, len(data)+1100)...),
		"of no age file":  make([]byte, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			w, _, r := sealedWorld(t, setup{}, map[string][]byte{"out": data}, "")
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			require.Error(t, w.client.Download(ctx, dir, r, func(done, _ int64) {
				if done > 0 {
					cancel()
				}
			}))
			parts, err := filepath.Glob(filepath.Join(dir, ".emc-partial", "*"))
			require.NoError(t, err)
			for _, p := range parts {
				if filepath.Base(p) != "lock" {
					require.NoError(t, os.WriteFile(p, left, 0o600))
				}
			}
			require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
			requireFile(t, data, dir, "out")
		})
	}
}

func TestClientThatCannotDecrypt(t *testing.T) {
	w, _ := newWorld(t, setup{opts: []transfer.Option{transfer.WithoutRecipient()}})
	_, err := w.client.Offer(t.Context(), []byte("spec"), job.Salt{})
	require.NoError(t, err)
	require.Empty(t, w.backend.recipient)
	r := w.backend.offerOutputs(t, map[string][]byte{"out": []byte("as it is")})
	dir := t.TempDir()
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	requireFile(t, []byte("as it is"), dir, "out")
}

func TestSealedLog(t *testing.T) {
	text := string(bytes.Repeat([]byte("0123456789abcdef"), 4*megabyte/16)) + "end\n"
	w, p, _ := sealedWorld(t, setup{cuts: []int64{megabyte, 2 * megabyte}}, nil, text)
	var got bytes.Buffer
	end, err := w.client.Logs(t.Context(), 0, true, &got)
	require.NoError(t, err)
	require.Equal(t, transfer.LogEnd{Offset: int64(len(text)), Complete: true}, end)
	require.True(t, got.String() == text)
	require.Equal(t, 3, p.connections())
	require.Len(t, w.backend.puts, 3)
	require.Greater(t, w.backend.puts[2], w.backend.puts[1], "it resumes within the age file")

	for offset, want := range map[int]string{len(text) - 5: "fend\n", len(text): "", len(text) + 7: ""} {
		got.Reset()
		end, err := w.client.Logs(t.Context(), int64(offset), false, &got)
		require.NoError(t, err)
		require.Equal(t, want, got.String())
		require.Equal(t, transfer.LogEnd{Offset: int64(max(offset, len(text))), Complete: true}, end)
	}

	w.backend.set(func(m *memory) { m.sealed["log"][2*megabyte] ^= 1 })
	got.Reset()
	end, err = w.client.Logs(t.Context(), 0, false, &got)
	require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err), err)
	require.False(t, end.Complete)
	require.True(t, got.String() == text[:end.Offset], "nothing that is damaged is shown")
	require.Less(t, end.Offset, int64(2*megabyte))
}

// The same, with the cut between two processes: the rest of the age file is not fetched for nothing.
func TestOutputThatIsSealedBetweenProcesses(t *testing.T) {
	data := randomBytes(1, 4*megabyte)
	w, _, r := sealedWorld(t, setup{}, map[string][]byte{"out": data}, "")
	sealed := w.backend.sealed
	w.backend.set(func(m *memory) { m.sealed = nil })
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, w.client.Download(ctx, dir, r, func(done, _ int64) {
		if done > megabyte {
			cancel()
		}
	}), context.Canceled)
	w.backend.set(func(m *memory) { m.sealed, m.puts = sealed, nil })
	var back []int64 // what was thrown away, each time that the progress fell
	last := int64(0)
	require.NoError(t, w.client.Download(t.Context(), dir, r, func(done, _ int64) {
		if done < last {
			back = append(back, last)
		}
		last = done
	}))
	requireFile(t, data, dir, "out")
	require.Len(t, w.backend.puts, 2)
	require.Zero(t, w.backend.puts[1])
	require.Len(t, back, 1)
	require.Less(t, back[0], int64(len(data)), "it began anew at once")
}
