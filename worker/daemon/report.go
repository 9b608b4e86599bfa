package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const statusPrefix = "status/"

// reportIfDue queues a status report: at the start, when what it says has
// changed, and long before the last one runs out.
func (d *Daemon) reportIfDue(s chainState) error {
	if !s.known {
		return nil
	}
	report := computetypes.MsgReportStatus{Node: d.node, Endpoints: d.endpoints(), Accepting: !d.opts.Home.Draining()}
	waiting, err := d.queue.Pending(64)
	if err != nil {
		return err
	}
	var stale []string
	for _, m := range waiting {
		if !strings.HasPrefix(m.Key, statusPrefix) {
			continue
		}
		if old, ok := m.Msg.(*computetypes.MsgReportStatus); ok && sameReport(old, &report) && d.firstReport() != "" {
			return nil
		}
		stale = append(stale, m.Key)
	}
	keys, err := d.queue.Waiting()
	if err != nil {
		return err
	}
	for key := range keys {
		if strings.HasPrefix(key, statusPrefix) && !slices.Contains(stale, key) && d.firstReport() != "" {
			return nil // one is in flight; what changed meanwhile is told after it
		}
	}
	if d.firstReport() != "" && !reportDue(s, &report) {
		return nil
	}
	if len(stale) > 0 {
		if err := d.queue.Done(stale, dropped("a newer report takes its place")); err != nil {
			return err
		}
	}
	key := fmt.Sprintf("%s%d", statusPrefix, time.Now().UnixNano())
	if _, err := d.queue.Put(key, &report); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.report == "" {
		d.report = key
	}
	return nil
}

func (d *Daemon) firstReport() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.report
}

// reportDue compares what the chain has with what is true.
func reportDue(s chainState, now *computetypes.MsgReportStatus) bool {
	n := s.node.Node
	if n.Accepting != now.Accepting || !slices.Equal(n.Endpoints, now.Endpoints) {
		return true
	}
	return s.head.Time.Unix()-n.ReportedAt >= int64(s.rules.OnlineSeconds)/3
}

func sameReport(a, b *computetypes.MsgReportStatus) bool {
	return a.Accepting == b.Accepting && slices.Equal(a.Endpoints, b.Endpoints)
}

// announceReady calls Ready once the chain itself shows this start's report.
func (d *Daemon) announceReady(s chainState) {
	first := d.firstReport()
	reported := s.node.Online || s.node.Node.UnreachableSince != 0 // it answers again; that others see it takes until the next probes
	if first == "" || !s.known || !reported || !slices.Equal(s.node.Node.Endpoints, d.endpoints()) {
		return
	}
	keys, err := d.queue.Waiting()
	if err != nil || keys[first] {
		return
	}
	d.mu.Lock()
	done := d.isReady
	d.isReady = true
	d.mu.Unlock()
	if !done && d.opts.Ready != nil {
		d.opts.Ready()
	}
}
