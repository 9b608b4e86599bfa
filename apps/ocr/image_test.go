package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/docker"
)

// packed is the archive that pack.sh makes; it stays there between runs.
const packed = "../../build/ocr.tar"

// The app reads pages that nobody has seen before, in the hardened container
// that a customer's job gets, and the result is the same on every run and on
// the host, byte for byte.
func TestReadsInAContainerAsOnTheHost(t *testing.T) {
	if testing.Short() {
		t.Skip("packs and runs a container image")
	}
	engine := connect(t)
	pack(t)
	content, err := os.ReadFile(packed)
	require.NoError(t, err)
	artifact := sum(content)
	t.Cleanup(func() {
		_, err := engine.ImageRemove(context.Background(), "emc-app:"+artifact, client.ImageRemoveOptions{PruneChildren: true})
		require.NoError(t, err)
	})

	in := t.TempDir()
	want := map[string][]string{}
	for i, name := range []string{"first.png", "more/second.png"} {
		lines := sentences(uint64(20260725+i), 8)
		page := paper(t, lines)
		var img image.Image = page
		if i == 1 {
			img = tinted(page)
		}
		savePNG(t, in, name, img)
		want[name] = strings.Fields(strings.Join(lines, " "))
	}

	first := contained(t, artifact, in)
	second := contained(t, artifact, in)
	host, tesseract := onHost(t, content, in)

	require.Equal(t, first.log, second.log)
	require.Equal(t, first.log, host.log)
	require.Equal(t, first.digest(t), second.digest(t))
	require.Equal(t, first.digest(t), host.digest(t))
	require.Equal(t, first.files, host.files)
	require.Contains(t, first.log, `RESULT {"pages":2,"words":`)
	for name, words := range want {
		stem := strings.TrimSuffix(name, ".png")
		require.Equal(t, words, strings.Fields(first.files[stem+".txt"]), name)
		// Tesseract itself, given the customer's PNG, says the same: nothing is lost
		// on the way through this program.
		base := filepath.Join(t.TempDir(), "direct")
		out, err := exec.Command(tesseract, filepath.Join(in, name), base, "-l", "eng", "--oem", "1", "--psm", "3",
			"-c", "tessedit_create_txt=1", "-c", "tessedit_create_tsv=1", "-c", "page_separator=").CombinedOutput()
		require.NoError(t, err, string(out))
		for _, suffix := range []string{".txt", ".tsv"} {
			direct, err := os.ReadFile(base + suffix)
			require.NoError(t, err)
			require.Equal(t, string(direct), first.files[stem+suffix], name)
		}
	}
}

// outcome is what a run left.
type outcome struct {
	log   string
	files map[string]string // by path
}

// digest is that of the manifest of the outputs: the part of a job's result
// that the app decides.
func (o outcome) digest(t *testing.T) string {
	t.Helper()
	var files []job.File
	for path, content := range o.files {
		files = append(files, job.File{Path: path, Size: int64(len(content)), SHA256: sum([]byte(content))})
	}
	job.SortFiles(files)
	manifest, err := job.MarshalManifest(files)
	require.NoError(t, err)
	return sum(manifest)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// contained runs the app as the worker does.
func contained(t *testing.T, artifact, in string) outcome {
	t.Helper()
	path, err := filepath.Abs(packed)
	require.NoError(t, err)
	state, err := os.MkdirTemp("", "ocr") // short: a socket's path has 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(state) })
	r, err := docker.New(docker.Config{
		Owner: "emc1ocrtest", StateDir: state, ChildArgs: []string{dockerChild}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	var log bytes.Buffer
	task := runtime.Task{
		ID: "ocr-test", Artifact: path, ArtifactSHA256: artifact, OutputDir: filepath.Join(t.TempDir(), "out"), Log: &log,
		Limits: runtime.Limits{Duration: 5 * time.Minute, MemoryBytes: 512 << 20, OutputBytes: 1 << 20, OutputFiles: 16, LogBytes: 1 << 20},
	}
	for name, content := range readFiles(t, in) {
		task.Inputs = append(task.Inputs, runtime.File{
			Path: name, Host: filepath.Join(in, name), Size: int64(len(content)), SHA256: sum([]byte(content)),
		})
	}
	result, err := r.Run(t.Context(), task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonExited, result.Reason, "%s\n%s", result.Message, log.String())
	require.Zero(t, result.ExitCode, "%s\n%s", result.Message, log.String())
	t.Logf("in a container: %.2f s, %d MiB", result.Wall.Seconds(), result.PeakMemory>>20)
	return outcome{log.String(), readFiles(t, task.OutputDir)}
}

// onHost runs the same program over the same Tesseract without an Engine, and
// returns a way to call that Tesseract.
func onHost(t *testing.T, archive []byte, in string) (outcome, string) {
	t.Helper()
	root := t.TempDir()
	unpack(t, archive, root)
	linkers, err := filepath.Glob(filepath.Join(root, "lib*", "ld-linux-*"))
	require.NoError(t, err)
	require.Len(t, linkers, 1)
	var libraries []string
	for _, dir := range []string{"lib", "usr/lib"} {
		some, err := filepath.Glob(filepath.Join(root, dir, "*-linux-gnu"))
		require.NoError(t, err)
		libraries = append(libraries, some...)
	}
	tesseract := filepath.Join(root, "tesseract.sh")
	model := filepath.Join(root, "usr/share/tesseract-ocr/5/tessdata")
	script := fmt.Sprintf("#!/bin/sh\nexport OMP_THREAD_LIMIT=1 TESSDATA_PREFIX='%s'\nexec '%s' --library-path '%s' '%s' \"$@\"\n",
		model, linkers[0], strings.Join(libraries, ":"), filepath.Join(root, "usr/bin/tesseract"))
	require.NoError(t, os.WriteFile(tesseract, []byte(script), 0o700))
	out := t.TempDir()
	var log, stderr strings.Builder
	require.Equal(t, exitOK, run([]string{"--in", in, "--out", out, "--tesseract", tesseract, "--tessdata", model}, nil, &log, &stderr), stderr.String())
	return outcome{log.String(), readFiles(t, out)}, tesseract
}

// unpack writes the files of the archive's one layer below root.
func unpack(t *testing.T, archive []byte, root string) {
	t.Helper()
	for outer := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := outer.Next()
		require.NoError(t, err, "no layer in the archive")
		if !strings.HasSuffix(h.Name, ".tar") {
			continue
		}
		for inner := tar.NewReader(outer); ; {
			h, err := inner.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			require.NoError(t, err)
			path := filepath.Join(root, filepath.FromSlash(h.Name))
			if h.Typeflag == tar.TypeDir {
				require.NoError(t, os.MkdirAll(path, 0o755))
				continue
			}
			require.EqualValues(t, tar.TypeReg, h.Typeflag, h.Name)
			content, err := io.ReadAll(inner)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, content, os.FileMode(h.Mode)))
		}
	}
}

func readFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		out[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return out
}

// tinted is the page in colour: dark blue ink on cream.
func tinted(page *image.Gray) image.Image {
	out := image.NewRGBA(page.Bounds())
	for y := range page.Bounds().Dy() {
		for x := range page.Bounds().Dx() {
			v := page.GrayAt(x, y).Y
			out.SetRGBA(x, y, color.RGBA{R: v, G: v - v/32, B: 60 + byte(int(v)*160/255), A: 255})
		}
	}
	return out
}

// connect returns the Engine, or skips the test where there is none.
func connect(t *testing.T) *client.Client {
	t.Helper()
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = client.DefaultDockerHost
	}
	engine, err := client.New(client.WithHost(host))
	require.NoError(t, err)
	t.Cleanup(func() { engine.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		without(t, fmt.Sprintf("no Docker Engine answers: %v", err))
	}
	return engine
}

// pack makes the archive, or skips the test where apt cannot.
func pack(t *testing.T) {
	t.Helper()
	cmd := exec.Command("./pack.sh", "build/ocr.tar")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		without(t, strings.TrimSpace(string(out)))
	}
	require.NoError(t, err, string(out))
	t.Log(strings.TrimSpace(string(out)))
}

// without skips, or fails where nothing may be skipped.
func without(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("EMC_REQUIRE_DOCKER") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
