package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// purse is what two accounts have at one height.
type purse struct{ height, customer, operator int64 }

func (d *demo) purse(ctx context.Context) (p purse, err error) {
	if p.height, err = d.net.Height(ctx); err != nil {
		return p, err
	}
	if p.customer, err = d.net.BalanceAt(ctx, d.customer.Address, p.height); err != nil {
		return p, err
	}
	p.operator, err = d.net.BalanceAt(ctx, d.worker.Operator, p.height)
	return p, err
}

// job runs one job as a customer does, shows it, and checks every figure.
func (d *demo) job(ctx context.Context, o rig.Order) (s rig.Summary, log string, err error) {
	before, err := d.purse(ctx)
	if err != nil {
		return s, "", err
	}
	d.say("before: customer %s, operator %s", emc(before.customer), emc(before.operator))
	if s, err = d.follow(ctx, o); err != nil {
		return s, "", err
	}
	j, err := d.net.Job(ctx, s.Job)
	if err != nil {
		return s, "", err
	}
	answer, err := d.net.Emcd(ctx, "job", "logs", s.Job)
	if err != nil {
		return s, "", err
	}
	log = answer.Out
	d.receipt(j, s)
	if err := checkReceipt(j, s, log); err != nil {
		return s, log, err
	}
	after, err := d.purse(ctx)
	if err != nil {
		return s, log, err
	}
	if err := d.settle(ctx, j, s, before, after); err != nil {
		return s, log, err
	}
	return s, log, d.money.Check(ctx)
}

// receipt shows what the node signed.
func (d *demo) receipt(j rig.Job, s rig.Summary) {
	u := j.Receipt.Usage
	d.say("job %s is %s on node %s", j.ID, j.Word(), j.Node)
	d.say("price   %s of at most %s at %s a slot-hour; %s came back", emc(int64(j.Paid.Amount)), emc(int64(j.MaxPrice.Amount)), emc(int64(j.SlotHourPrice.Amount)), emc(int64(j.Refunded.Amount)))
	d.say("receipt %s, exit code %d; %.1f s of wall time, %.1f s of CPU, %d MiB of memory, %d bytes of output", strings.ToLower(strings.TrimPrefix(j.Receipt.Reason, "EXIT_REASON_")),
		j.Receipt.ExitCode, float64(u.WallMillis)/1000, float64(u.CPUMillis)/1000, u.PeakMemory>>20, u.Output)
	d.say("        result %s (salted)", hex.EncodeToString(j.Receipt.ResultDigest))
	d.say("        log    %s", hex.EncodeToString(j.Receipt.LogDigest))
	for _, f := range s.Outputs {
		d.say("        output %s %s, %d bytes", f.SHA256, f.Path, f.Size)
	}
}

// checkReceipt holds the receipt against what was fetched.
func checkReceipt(j rig.Job, s rig.Summary, log string) error {
	sum := sha256.Sum256([]byte(log))
	switch {
	case j.Status != rig.Completed || !s.Verified:
		return fmt.Errorf("job %s is %s, expected a completed job with verified outputs: %s", j.ID, j.Word(), j.Reason)
	case j.Receipt.Reason != "EXIT_REASON_EXITED" || j.Receipt.ExitCode != 0:
		return fmt.Errorf("the program ended with %s and exit code %d", j.Receipt.Reason, j.Receipt.ExitCode)
	case j.Paid.Amount+j.Refunded.Amount != j.MaxPrice.Amount:
		return fmt.Errorf("price %d and refund %d do not make the %d uemc that the job held", j.Paid.Amount, j.Refunded.Amount, j.MaxPrice.Amount)
	case s.Price != fmt.Sprintf("%duemc", j.Paid.Amount) || s.Refund != fmt.Sprintf("%duemc", j.Refunded.Amount):
		return fmt.Errorf("the client says price %s and refund %s, the chain %d and %d uemc", s.Price, s.Refund, j.Paid.Amount, j.Refunded.Amount)
	case hex.EncodeToString(sum[:]) != hex.EncodeToString(j.Receipt.LogDigest):
		return fmt.Errorf("the log as fetched has digest %x, the receipt says %x", sum, j.Receipt.LogDigest)
	case j.Escrow.Amount != 0:
		return fmt.Errorf("the job's address still holds %d uemc", j.Escrow.Amount)
	}
	for _, f := range s.Outputs {
		got, err := rig.Digest(filepath.Join(s.OutputDir, f.Path))
		if err != nil {
			return err
		}
		if got != f.SHA256 {
			return fmt.Errorf("%s has digest %s, expected %s", f.Path, got, f.SHA256)
		}
	}
	return nil
}

// settle checks both balances to the last uemc: the price and the fees of
// exactly those transactions that the chain knows.
func (d *demo) settle(ctx context.Context, j rig.Job, s rig.Summary, before, after purse) error {
	customers, err := d.net.PaidBy(ctx, d.customer.Address, before.height, after.height)
	if err != nil {
		return err
	}
	operators, err := d.net.PaidBy(ctx, d.worker.Operator, before.height, after.height)
	if err != nil {
		return err
	}
	both := append(slices.Clone(customers), operators...)
	slices.SortStableFunc(both, func(a, b rig.Transaction) int { return cmp.Compare(a.Height, b.Height) })
	for _, t := range both {
		if t.Concerns(j.ID) || t.Hash == s.Tx.Submit {
			d.say("transaction %s in block %d: %s, fee %s", t.Hash, t.Height, strings.Join(t.Messages(), " + "), emc(t.Fee()))
		}
	}
	price := int64(j.Paid.Amount)
	d.say("after:  customer %s = before - price %s - fees %s", emc(after.customer), emc(price), emc(rig.Fees(customers)))
	d.say("        operator %s = before + price %s - fees %s (its grant pays the worker's)", emc(after.operator), emc(price), emc(rig.Fees(operators)))
	if want := before.customer - price - rig.Fees(customers); after.customer != want {
		return fmt.Errorf("the customer has %d uemc, expected %d", after.customer, want)
	}
	if want := before.operator + price - rig.Fees(operators); after.operator != want {
		return fmt.Errorf("the operator has %d uemc, expected %d", after.operator, want)
	}
	if want := fmt.Sprintf("%duemc", rig.Fees(customers)); s.Fees != want {
		return fmt.Errorf("the client says fees of %s, the chain %s", s.Fees, want)
	}
	return nil
}
