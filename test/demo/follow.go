package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// jobTimeout bounds one job on a slow machine.
const jobTimeout = 10 * time.Minute

// follow types `emcd job run` and shows what it says as it comes.
func (d *demo) follow(ctx context.Context, o rig.Order) (s rig.Summary, err error) {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	args := d.customer.Command("run", o)
	cmd := exec.CommandContext(ctx, d.bin.Emcd(), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second
	words, show := io.Pipe()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, show
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		lines := bufio.NewScanner(words)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			d.lines(lines.Text())
		}
		_, _ = io.Copy(io.Discard, words)
	}()
	err = cmd.Run()
	_ = show.Close()
	<-shown
	if err != nil {
		return s, fmt.Errorf("emcd job run: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return s, fmt.Errorf("emcd job run said %q: %w", out.String(), err)
	}
	return s, nil
}
