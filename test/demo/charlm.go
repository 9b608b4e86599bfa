package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/edgematrix/emc/pkg/session/call"
)

// pricePerCharacter in uemc.
const pricePerCharacter = 10

// charlm answers calls by `charlm serve`: as many of them as there are cores, each in a sandbox that sees nothing but the
// folder of the weights. A request is one of its lines, an answer the text that it writes.
type charlm struct{ idle chan *instance }

// instance is one `charlm serve`.
type instance struct {
	in  io.Writer
	out *bufio.Scanner
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
		c.idle <- &instance{in, bufio.NewScanner(out)}
	}
	return c, nil
}

// Answer implements call.App: a call costs by the character, and each piece of text is sent as it is written.
func (c *charlm) Answer(ctx context.Context, app string, body []byte, _ uint64, send func(call.Piece) error) error {
	var request struct{ Length int }
	if err := json.Unmarshal(body, &request); app != "charlm" || err != nil || request.Length < 1 {
		return fmt.Errorf("%s: not a request for charlm", app)
	}
	line, err := json.Marshal(json.RawMessage(body)) // in one line, whatever it was
	if err != nil {
		return err
	}
	var i *instance
	select {
	case i = <-c.idle:
		defer func() { c.idle <- i }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return i.ask(line, send)
}

// ask reads an answer to its end, also when nobody wants the rest: the next line belongs to the next request.
func (i *instance) ask(line []byte, send func(call.Piece) error) (err error) {
	if _, err := i.in.Write(append(line, '\n')); err != nil {
		return err
	}
	for i.out.Scan() {
		var a struct {
			Text  string
			Done  bool
			Error string
		}
		if err := json.Unmarshal(i.out.Bytes(), &a); err != nil {
			return fmt.Errorf("charlm said %q: %w", i.out.Text(), err)
		}
		switch {
		case a.Error != "":
			return fmt.Errorf("charlm: %s", a.Error)
		case a.Done:
			return err
		case err == nil:
			n := uint64(len([]rune(a.Text)))
			err = send(call.Piece{Data: []byte(a.Text), Units: n, Amount: n * pricePerCharacter})
		}
	}
	return fmt.Errorf("charlm does not answer: %w", i.out.Err())
}
