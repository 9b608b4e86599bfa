package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
)

// pricePerCharacter in uemc.
const pricePerCharacter = 10

// charlm answers calls by `charlm serve`: as many of them as there are cores, each in a sandbox that sees nothing but the
// folder of the weights. A call is an HTTP request and its answer an HTTP response, as on the program's input and output.
type charlm struct{ idle chan *instance }

// instance is one `charlm serve`.
type instance struct {
	in  io.Writer
	out *bufio.Reader
}

func startCharlm(ctx context.Context, module, weights string, instances int) (*charlm, error) {
	code, err := os.ReadFile(module)
	if err != nil {
		return nil, err
	}
	sandbox := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	wasi_snapshot_preview1.MustInstantiate(ctx, sandbox)
	compiled, err := sandbox.CompileModule(ctx, code)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", module, err)
	}
	c := &charlm{make(chan *instance, instances)}
	for range instances {
		stdin, in := io.Pipe()
		out, stdout := io.Pipe()
		cfg := wazero.NewModuleConfig().WithName("").WithArgs("charlm", "serve", "--weights", "/in/"+filepath.Base(weights)).
			WithStdin(stdin).WithStdout(stdout).WithStderr(os.Stderr).
			WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(filepath.Dir(weights), "/in"))
		go func() {
			_, err := sandbox.InstantiateModule(ctx, compiled, cfg) // until its input ends
			_ = stdout.CloseWithError(fmt.Errorf("charlm ended: %w", err))
			_ = stdin.CloseWithError(io.ErrClosedPipe)
		}()
		c.idle <- &instance{in, bufio.NewReader(out)}
	}
	return c, nil
}

// Answer implements call.App: a call costs by the character, and each one is paid for as it is written.
func (c *charlm) Answer(ctx context.Context, r receipt.Request, body []byte, send func(call.Piece) error) error {
	if _, err := httpcall.ReadRequest(body); r.App != "charlm" || err != nil {
		return fmt.Errorf("%s: not a request for charlm: %w", r.App, err)
	}
	var i *instance
	select {
	case i = <-c.idle:
		defer func() { c.idle <- i }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return i.ask(body, send)
}

// ask reads an answer to its end, also when nobody wants the rest: what follows belongs to the next request.
func (i *instance) ask(request []byte, send func(call.Piece) error) error {
	if _, err := i.in.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(i.out, nil)
	if err != nil {
		return fmt.Errorf("charlm does not answer: %w", err)
	}
	defer answer.Body.Close()
	head, err := httpcall.AppendHead(nil, answer.StatusCode, answer.Header)
	if err != nil {
		return err
	}
	sending := send(call.Piece{Data: head})
	for lines := bufio.NewReader(answer.Body); ; {
		line, err := lines.ReadBytes('\n')
		if sending == nil && len(line) > 0 {
			n := uint64(0)
			if said := textOf(line); said != "" {
				n = 1
			}
			sending = send(call.Piece{Data: line, Units: n, Amount: n * pricePerCharacter})
		}
		if err == io.EOF {
			return sending
		}
		if err != nil {
			return fmt.Errorf("charlm does not answer: %w", err)
		}
	}
}

// textOf is the text that a line of a stream brings.
func textOf(line []byte) string {
	data, event := bytes.CutPrefix(line, []byte("data: "))
	var chunk struct{ Choices []struct{ Text string } }
	if !event || json.Unmarshal(data, &chunk) != nil || len(chunk.Choices) == 0 {
		return ""
	}
	return chunk.Choices[0].Text
}
