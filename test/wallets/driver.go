package wallets

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// The modes of signing, and the ways to a node.
const (
	direct = "direct"
	amino  = "amino"
	rpc    = "rpc"
	rest   = "rest"
)

var modes = []string{direct, amino}

// origin is where the wallet's web page comes from.
const origin = "https://wallet.example"

// patience bounds one transaction on a busy machine.
const patience = 90 * time.Second

// request is one message that js/driver.mjs sends.
type request struct {
	ID       int             `json:"id"`
	Mnemonic string          `json:"mnemonic"`
	Mode     string          `json:"mode"`
	Via      string          `json:"via"`
	TypeURL  string          `json:"typeUrl"`
	Value    json.RawMessage `json:"value"`
	// ChainID is another than the node's.
	ChainID string `json:"chainId,omitempty"`
}

// outcome is what became of it.
type outcome struct {
	ID    int    `json:"id"`
	Ready bool   `json:"ready"`
	Error string `json:"error"`

	Simulated struct {
		Gas     float64 `json:"gas"`
		Refused string  `json:"refused"`
	} `json:"simulated"`
	// Stage is where it ended: at the node's check, or in a block.
	Stage     string `json:"stage"`
	Code      uint32 `json:"code"`
	Codespace string `json:"codespace"`
	Log       string `json:"log"`
}

func (o outcome) String() string {
	if o.Code == 0 {
		return o.Stage + ": accepted"
	}
	return fmt.Sprintf("%s: %s code %d: %s", o.Stage, o.Codespace, o.Code, o.Log)
}

// driver is the wallet's process.
type driver struct {
	cmd *exec.Cmd
	in  io.Writer
	// said is what it printed as errors; done is closed when it has ended.
	said *bytes.Buffer
	done chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan outcome
}

// startDriver starts js/driver.mjs and waits until it has the chain's types.
func startDriver(ctx context.Context, dir, rpcURL, restURL string) (*driver, error) {
	d := &driver{
		cmd: exec.Command("node", "driver.mjs", rpcURL, restURL, origin), said: &bytes.Buffer{},
		done: make(chan struct{}), waiting: map[int]chan outcome{},
	}
	d.cmd.Dir, d.cmd.Stderr = dir, d.said
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	ready := d.answer(0)
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go d.read(out)
	if _, err := d.wait(ctx, ready); err != nil {
		d.kill()
		return nil, err
	}
	return d, nil
}

// answer is where the answer to a request comes.
func (d *driver) answer(id int) chan outcome {
	c := make(chan outcome, 1)
	d.waiting[id] = c
	return c
}

func (d *driver) read(out io.Reader) {
	defer close(d.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			o.Error = fmt.Sprintf("%v: %s", err, lines.Text())
		}
		d.mu.Lock()
		if c := d.waiting[o.ID]; c != nil {
			c <- o
			delete(d.waiting, o.ID)
		}
		d.mu.Unlock()
	}
	_ = d.cmd.Wait()
}

func (d *driver) wait(ctx context.Context, c chan outcome) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case o := <-c:
		if o.Error != "" {
			return o, errors.New(o.Error)
		}
		return o, nil
	case <-d.done:
		return outcome{}, fmt.Errorf("the wallet ended: %s", d.said)
	case <-ctx.Done():
		return outcome{}, fmt.Errorf("the wallet does not answer: %w", ctx.Err())
	}
}

// send sends one message and tells what became of it.
func (d *driver) send(ctx context.Context, k *key, r request) (outcome, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	d.mu.Lock()
	d.next++
	r.ID, r.Mnemonic = d.next, k.mnemonic
	c := d.answer(r.ID)
	line, err := json.Marshal(r)
	if err == nil {
		_, err = d.in.Write(append(line, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return outcome{}, err
	}
	return d.wait(ctx, c)
}

func (d *driver) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
}
