package router

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A page goes through the router to Tesseract in a container that keeps running, twice, and its words come back: an app
// that is not OpenAI's, in another runtime, paid by the call.
func TestReadsAPageInAContainer(t *testing.T) {
	t.Parallel()
	s := newSite(t, small)
	engine, err := rig.StartDockerd(s.ctx, "") // of its own: other tests remove the image of this app from theirs
	if errors.Is(err, rig.ErrNoDockerd) && os.Getenv("EMC_REQUIRE_DOCKER") != "1" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = engine.Close() })
	archive := packOCR(t)
	digest, err := rig.Digest(archive)
	require.NoError(t, err)
	_, err = s.net.Tx(s.ctx, "alice", "compute", "register-app", "reader", "docker", digest, "--interface", "http", "--unit", "call")
	require.NoError(t, err)

	w := rig.NewWorker(s.net, filepath.Join(s.dir, "worker"))
	w.Env = []string{"EMC_WORKER_CALLS_REDEEM_AGE=2s", rig.EnvEngine + "=" + engine.Host}
	t.Cleanup(func() {
		w.Kill()
		if t.Failed() && w.Process() != nil {
			t.Logf("the worker said:\n%s", rig.Tail(w.Process().Output(), 30))
		}
	})
	require.NoError(t, w.Up(s.ctx, "--runtimes", "wasm,docker"))
	for _, args := range [][]string{{"app", "add", archive}, {"service", "add", "reader", "--unit", "calls", "--price", "7uemc", "--", "serve"}} {
		_, err = w.Run(s.ctx, args...)
		require.NoError(t, err)
	}
	s.open()
	const words = "Idle machines read pages for anyone"
	for range 2 {
		var text string
		require.NoError(t, rig.Eventually(s.ctx, patience, "the page is read", func() (done bool, err error) {
			text, done, err = s.read(scan(t, words))
			return done, err
		}))
		require.Equal(t, words, strings.Join(strings.Fields(text), " "))
	}
	s.settle(2 * 7)
	require.EqualValues(t, 2*7, s.paid(), "two pages, and no try before")
}

// read asks for the text of a page; done is false while no node takes the call.
func (s *site) read(page []byte) (text string, done bool, err error) {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, strings.TrimSuffix(s.base(), "/v1")+"/call/reader/v1/images/read", bytes.NewReader(page))
	if err != nil {
		return "", false, err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "image/png")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", false, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", false, errors.Join(err, errors.New(string(body)))
	}
	var said struct{ Text string }
	err = json.Unmarshal(body, &said)
	return said.Text, err == nil, err
}

// packOCR makes the app's image of Debian's packages, where that was not done before.
func packOCR(t *testing.T) string {
	t.Helper()
	root, err := rig.Root()
	require.NoError(t, err)
	archive := filepath.Join(root, "build", "ocr.tar")
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "apps", "ocr", "pack.sh"), archive).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 && os.Getenv("EMC_REQUIRE_DOCKER") != "1" {
		t.Skip(string(out))
	}
	require.NoError(t, err, string(out))
	return archive
}

// scan is a page with a line, as a scanner with 200 dots an inch sees it.
func scan(t *testing.T, line string) []byte {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	require.NoError(t, err)
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 12, DPI: 200, Hinting: font.HintingNone})
	require.NoError(t, err)
	page := image.NewGray(image.Rect(0, 0, font.MeasureString(face, line).Ceil()+200, 256))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: page, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(100, 140)}
	d.DrawString(line)
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, page))
	return out.Bytes()
}
