package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// finish checks what holds only at the end: the workers' own accounts, every
// address empty, and that the state can be exported, checked and gone on from.
func finish(ctx context.Context, o Options, c *chain, lanes []*lane, money *rig.Money, r *Report) error {
	for _, l := range lanes {
		if err := l.earned(ctx); err != nil {
			r.wrong(err.Error())
		}
		var n rig.Node
		err := answered(ctx, func() (err error) {
			n, err = c.front.Node(ctx, l.worker.Address)
			return err
		})
		switch {
		case err != nil:
			return err
		case int64(n.Reputation.Completed) != l.completed:
			r.wrong(fmt.Sprintf("worker %d completed %d jobs, the chain counts %d", l.number, l.completed, n.Reputation.Completed))
		}
		if err := end("worker", l.worker.Process(), grace); err != nil {
			r.wrong(err.Error())
		}
	}
	if err := answered(ctx, func() error { return money.Settled(ctx) }); err != nil {
		r.wrong("the end: " + err.Error())
	}
	var accounts []rig.Account
	for _, l := range lanes {
		for _, b := range l.customers {
			accounts = append(accounts, rig.Account{Address: b.Address})
		}
		accounts = append(accounts, rig.Account{Address: l.worker.Operator})
	}
	for i := range accounts {
		if err := answered(ctx, func() (err error) {
			accounts[i], err = c.front.Open(ctx, accounts[i].Address)
			return err
		}); err != nil {
			return err
		}
		r.Height = accounts[i].Height
	}
	if err := c.net.Stop(); err != nil {
		r.wrong("the network did not stop as it should: " + err.Error())
	}
	if err := reborn(ctx, o, c, accounts); err != nil {
		r.wrong("export and import: " + err.Error())
	}
	return nil
}

// earned waits until the worker's own account of its earnings is what the
// chain paid: no payment was overlooked or counted twice over all its deaths,
// but for jobs of which it cannot have heard.
func (l *lane) earned(ctx context.Context) error {
	return rig.Eventually(ctx, time.Minute, fmt.Sprintf("worker %d knows that it earned %d uemc by %d jobs", l.number, l.paid, l.jobs), func() (bool, error) {
		answer, err := l.worker.Run(ctx, "status", "--json")
		if err != nil {
			return false, err
		}
		var s rig.Status
		if err := json.Unmarshal([]byte(answer.Out), &s); err != nil {
			return false, err
		}
		uemc, jobs := l.paid-int64(s.Earned.Uemc), l.jobs-int64(s.Earned.Jobs)
		return s.Ready && uemc == jobs*reservationFee && 0 <= jobs && jobs <= l.unheardJobs,
			fmt.Errorf("it says %d uemc by %d jobs, ready %t; %d were cancelled while it was away", s.Earned.Uemc, s.Earned.Jobs, s.Ready, l.unheardJobs)
	})
}

// reborn exports the state, has it validated, and starts another chain from it:
// it makes blocks, its money is sound, and everybody has what he had.
func reborn(ctx context.Context, o Options, c *chain, accounts []rig.Account) error {
	exported, err := c.net.Emcd(ctx, "export")
	if err != nil {
		return err
	}
	home := filepath.Join(o.Dir, "reborn")
	if err := os.CopyFS(filepath.Join(home, "config"), os.DirFS(filepath.Join(c.net.Home, "config"))); err != nil {
		return err
	}
	genesis := filepath.Join(home, "config", "genesis.json")
	if err := os.WriteFile(genesis, []byte(exported.Out), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(home, "data"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, "data", "priv_validator_state.json"), []byte(`{"height":"0","round":0,"step":0}`), 0o600); err != nil {
		return err
	}
	if _, err := rig.Command(ctx, "", nil, o.Bin.Emcd(), "genesis", "validate", genesis, "--home", home); err != nil {
		return err
	}
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	p, err := rig.Launch(home+".log", nil, "", o.Bin.Emcd(), "start", "--home", home, "--rpc.laddr", "tcp://"+ports[0],
		"--p2p.laddr", "tcp://"+ports[1], "--api.address", "tcp://"+ports[2], "--grpc.address", ports[3], "--rpc.pprof_laddr", "")
	if err != nil {
		return err
	}
	defer p.Kill()
	next := &rig.Network{Info: rig.Info{RPC: "http://" + ports[0], REST: "http://" + ports[2]}, Bin: o.Bin, Home: home}
	last := accounts[0].Height
	if err := rig.Eventually(ctx, rig.StartTimeout, "the new chain makes blocks", func() (bool, error) {
		select {
		case <-p.Done():
			return false, errors.Join(rig.ErrEnded, p.Err())
		default:
		}
		height, err := next.Height(ctx)
		return height > last+5, err
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, rig.Tail(p.Output(), 20))
	}
	for _, a := range accounts {
		var now int64
		if err := answered(ctx, func() (err error) {
			now, err = next.Balance(ctx, a.Address)
			return err
		}); err != nil {
			return err
		}
		if now != a.Uemc {
			return fmt.Errorf("account %s has %d uemc, it had %d", a.Address, now, a.Uemc)
		}
	}
	return answered(ctx, func() error {
		money, err := rig.NewMoney(ctx, next)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			money.Watch(a.Address)
		}
		return money.Check(ctx)
	})
}

// answered asks again while the node gives no answer: between two blocks it has
// none for a moment.
func answered(ctx context.Context, question func() error) error {
	var err error
	for range 20 {
		if err = question(); !errors.Is(err, rig.ErrNoAnswer) {
			return err
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

// freePorts are addresses on which nobody listens now.
func freePorts(n int) (out []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out, nil
}
