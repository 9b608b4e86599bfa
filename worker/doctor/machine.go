package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/hardware"
	"github.com/edgematrix/emc/worker/spool"
)

// minFreeDisk is what a worker needs at least to take small jobs.
const minFreeDisk = 1 << 30

const (
	checkHome     = "home"
	checkConfig   = "config"
	checkKey      = "node key"
	checkDisk     = "disk"
	checkSpool    = "spool"
	checkPorts    = "ports"
	checkRuntimes = "job"
	checkBarrier  = "isolation"
	checkChain    = "chain"
	checkClock    = "clock"
	checkNode     = "registration"
)

func checks() []check {
	return []check{
		{checkHome, nil, examineHome},
		{checkConfig, []string{checkHome}, examineConfig},
		{checkKey, []string{checkHome}, examineKey},
		{checkDisk, []string{checkHome}, examineDisk},
		{checkSpool, []string{checkHome}, examineSpool},
		{checkPorts, []string{checkConfig}, examinePorts},
		{checkRuntimes, []string{checkConfig}, examineRuntimes},
		{checkBarrier, []string{checkRuntimes}, examineIsolation},
		{checkChain, []string{checkConfig}, examineChain},
		{checkClock, []string{checkChain}, examineClock},
		{checkNode, []string{checkChain, checkKey}, examineNode},
	}
}

func examineHome(_ context.Context, p *Patient) (Verdict, string) {
	if err := p.Home.Check(); err != nil {
		return Fail, err.Error()
	}
	probe, err := os.CreateTemp(string(p.Home), ".doctor-*")
	if err != nil {
		return Fail, fmt.Sprintf("%s cannot be written: %v; make it writable for this user", p.Home, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return Fail, err.Error()
	}
	return OK, string(p.Home)
}

func examineConfig(_ context.Context, p *Patient) (Verdict, string) {
	c, err := config.Load(p.Home.Config(), p.Environ)
	if err != nil {
		return Fail, err.Error()
	}
	p.config = c
	return OK, fmt.Sprintf("chain %s; %d slot(s) at %s an hour", c.Chain.ID, c.Offer.Slots, c.Offer.Price)
}

func examineKey(_ context.Context, p *Patient) (Verdict, string) {
	id, err := identity.Load(p.Home.Key())
	if err != nil {
		return Fail, err.Error()
	}
	p.identity = id
	return OK, id.Address()
}

func examineDisk(ctx context.Context, p *Patient) (Verdict, string) {
	free, err := hardware.FreeDisk(ctx, string(p.Home))
	if err != nil {
		return Fail, fmt.Sprintf("free space of %s: %v", p.Home, err)
	}
	words := fmt.Sprintf("%.1f GiB are free at %s", float64(free)/(1<<30), p.Home)
	if free < minFreeDisk {
		return Fail, words + "; at least 1 GiB is needed: free some, or move the home with --home"
	}
	return OK, words
}

func examineSpool(_ context.Context, p *Patient) (Verdict, string) {
	if p.Home.Running() {
		return OK, "in use by the running worker"
	}
	s, err := spool.Open(p.Home.Spool())
	if err != nil {
		return Fail, err.Error()
	}
	waiting, err := s.Pending(100)
	if err = errors.Join(err, s.Close()); err != nil {
		return Fail, err.Error()
	}
	return OK, fmt.Sprintf("%d message(s) wait for the chain", len(waiting))
}

func examinePorts(ctx context.Context, p *Patient) (Verdict, string) {
	listen := strings.Join(p.config.Network.Listen, ", ")
	if p.Home.Running() {
		return OK, listen + " in use by the running worker"
	}
	for _, address := range p.config.Network.Listen {
		if err := tryListen(ctx, address); err != nil {
			return Fail, fmt.Sprintf("%s: %v; change network.listen in %s, or stop what uses the port", address, err, p.Home.Config())
		}
	}
	return OK, listen
}

// tryListen opens the port below a multiaddress for a moment.
func tryListen(ctx context.Context, address string) error {
	full, err := ma.NewMultiaddr(address)
	if err != nil {
		return err
	}
	transport, _ := ma.SplitFunc(full, func(c ma.Component) bool { return c.Protocol().Code == ma.P_QUIC_V1 })
	network, host, err := manet.DialArgs(transport)
	if err != nil {
		return err
	}
	var port io.Closer
	if strings.HasPrefix(network, "udp") {
		port, err = (&net.ListenConfig{}).ListenPacket(ctx, network, host)
	} else {
		port, err = (&net.ListenConfig{}).Listen(ctx, network, host)
	}
	if err != nil {
		return err
	}
	return port.Close()
}

// jobTimeout bounds the doctor's own job in one runtime.
const jobTimeout = 60 * time.Second

func examineRuntimes(ctx context.Context, p *Patient) (Verdict, string) {
	all, err := p.Runtimes(p.config)
	if err != nil {
		return Fail, err.Error()
	}
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		ctx, cancel := context.WithTimeout(ctx, jobTimeout)
		err := all[name].Check(ctx)
		cancel()
		if err != nil {
			return Fail, err.Error()
		}
	}
	if len(names) == 0 {
		return Fail, "no runtime is configured; set offer.runtimes in " + filepath.Base(p.Home.Config())
	}
	return OK, "one job ran end to end in: " + strings.Join(names, ", ")
}

func examineIsolation(ctx context.Context, p *Patient) (Verdict, string) {
	all, err := p.Runtimes(p.config)
	if err != nil {
		return Fail, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	tier, words, err := Isolation(ctx, all)
	if err != nil {
		return Fail, err.Error()
	}
	return OK, fmt.Sprintf("tier %d, which the registration publishes; %s", tier, words)
}
