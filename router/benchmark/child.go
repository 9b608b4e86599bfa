package benchmark

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/edgematrix/emc/pkg/receipt"
)

// routerChild is a process that runs Process.
type routerChild struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said routerSays
}

func startRouter(ctx context.Context, o Options, node receipt.PublicKey, app string) (*routerChild, error) {
	args := o.Router(o.Dir, hex.EncodeToString(node.Bytes()), app)
	c := &routerChild{cmd: exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)} // end ends it
	var err error
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.said)
	}
	if err != nil {
		_ = c.end()
		return nil, fmt.Errorf("the router did not start: %w", err)
	}
	return c, nil
}

// routerPlace is where it is, and whose.
type routerPlace struct {
	router, session receipt.PublicKey
	at              peer.AddrInfo
}

func (c *routerChild) parse() (p routerPlace, err error) {
	for _, k := range []struct {
		text string
		to   *receipt.PublicKey
	}{{c.said.Router, &p.router}, {c.said.Session, &p.session}} {
		raw, err := hex.DecodeString(k.text)
		if err != nil {
			return p, err
		}
		if *k.to, err = receipt.ParsePublicKey(raw); err != nil {
			return p, err
		}
	}
	if p.at.ID, err = peer.Decode(c.said.Peer); err != nil {
		return p, err
	}
	for _, text := range c.said.Addrs {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return p, err
		}
		p.at.Addrs = append(p.at.Addrs, a)
	}
	return p, nil
}

// processorTime is what the router has used.
func (c *routerChild) processorTime() (time.Duration, error) {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return 0, err
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return time.Duration(n), err
}

// end lets it close its ledgers.
func (c *routerChild) end() error {
	_ = c.in.Close() // it may be gone
	return c.cmd.Wait()
}
