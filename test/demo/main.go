// Command demo shows the main job on real input: a fresh network, a worker, a
// customer who has a language model trained on a text, has it write, and then
// makes ten thousand calls to it that one message settles; and then a compute
// socket of the worker's power, which is bought, sold on, plugged in, and used;
// and last a router, through which OpenAI's own client calls the trained model.
// Every figure that it prints it also checks; it ends with everything stopped,
// and with status 0 only if every figure is right.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

func main() {
	if len(os.Args) == 3 && (os.Args[1] == "node" || os.Args[1] == "router") {
		os.Exit(runPart(os.Args[1], os.Args[2])) // one of the demo's own processes
	}
	os.Exit(show())
}

// show runs the demo and returns the exit status.
func show() int {
	bin := flag.String("bin", "build", "folder with emcd, emc-worker, emc-router and charlm.wasm")
	dir := flag.String("dir", "build/demo", "folder of the demo's network and worker; made anew")
	input := flag.String("input", "", "UTF-8 text to train on (default: the sources of Go's net/http)")
	flag.Parse()
	if *input == "" {
		*input = flag.Arg(0)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	d := demo{timeline: timeline{begin: time.Now(), out: os.Stdout}, bin: rig.Binaries(*bin), dir: *dir, input: *input}
	if err := d.run(ctx); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped before the end; nothing of it runs on")
		}
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		return 1
	}
	return 0
}

// demo is one run of it.
type demo struct {
	timeline
	bin        rig.Binaries
	dir, input string

	net      *rig.Network
	worker   *rig.Worker
	router   *rig.Router
	customer rig.Customer
	money    *rig.Money
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	defer func() {
		if end := d.stop(); err == nil {
			err = end
		}
		if err == nil {
			d.say("everything is stopped, and every figure is right")
		}
	}()
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.prove(ctx); err != nil {
		return err
	}
	trained, err := d.train(ctx)
	if err != nil {
		return err
	}
	if err := d.generate(ctx, trained); err != nil {
		return err
	}
	if err := d.calls(ctx, trained); err != nil {
		return err
	}
	if err := d.sockets(ctx, trained); err != nil {
		return err
	}
	if err := d.openai(ctx, trained); err != nil {
		return err
	}
	if err := d.money.Settled(ctx); err != nil {
		return err
	}
	d.say("invariants hold: escrows empty, slots free, stake account and supply to the last uemc")
	return nil
}

// prepare checks what can be checked before anything is started.
func (d *demo) prepare() error {
	if err := d.bin.Check(); err != nil {
		return err
	}
	if d.input != "" {
		if err := checkText(d.input); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	if d.input != "" {
		return nil
	}
	d.input = filepath.Join(d.dir, "net-http.txt")
	return writeSources(d.input)
}

// start brings up the network and the worker, and registers the app.
func (d *demo) start(ctx context.Context) (err error) {
	d.head("A network")
	if d.net, err = rig.StartNetwork(ctx, d.bin, filepath.Join(d.dir, "net"), ""); err != nil {
		return err
	}
	d.say("chain %s makes blocks: RPC %s, REST %s, faucet %s", d.net.ChainID, d.net.RPC, d.net.REST, d.net.Faucet)
	if d.money, err = rig.NewMoney(ctx, d.net); err != nil {
		return err
	}
	if d.customer, err = rig.NewCustomer(ctx, d.net, "alice"); err != nil {
		return err
	}
	d.money.Watch(d.customer.Address)

	d.head("A worker")
	d.worker = rig.NewWorker(d.net, filepath.Join(d.dir, "worker"))
	d.worker.Proves = true
	d.worker.Env = []string{"EMC_WORKER_CALLS_REDEEM_AGE=5s"}
	if err := d.worker.Up(ctx, "--stake", "20emc"); err != nil {
		return err
	}
	d.lines(d.worker.Process().Output())
	d.say("node %s takes jobs for operator %s", d.worker.Address, d.worker.Operator)

	d.head("An app")
	tx, err := d.customer.RegisterApp(ctx, "charlm", d.bin.Charlm())
	if err != nil {
		return err
	}
	d.say("charlm is in the registry: transaction %s in block %d", tx.Hash, tx.Height)
	return d.money.Check(ctx)
}

// stop ends the router, the worker, then the network.
func (d *demo) stop() (err error) {
	if d.router != nil {
		err = d.router.Stop()
	}
	if d.worker != nil {
		if end := d.worker.Stop(); err == nil {
			err = end
		}
	}
	if d.net != nil && d.net.Process() != nil {
		if end := d.net.Stop(); err == nil {
			err = end
		}
	}
	return err
}
