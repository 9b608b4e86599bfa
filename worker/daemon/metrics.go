package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/control"
	"github.com/edgematrix/emc/worker/power"
	"github.com/edgematrix/emc/worker/runtime"
)

// metrics are the daemon's figures in a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	runTime  prometheus.Counter
	txs      prometheus.Counter
	gas      prometheus.Counter
}

func newMetrics(d *Daemon) *metrics {
	const space = "emc_worker"
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: "runs_total",
			Help: "Runs that ended by themselves, by the reason for their end."}, []string{"reason"}),
		runTime: prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: "run_seconds_total", Help: "Time that jobs ran, in seconds."}),
		txs:     prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: "transactions_total", Help: "Transactions that a block holds."}),
		gas:     prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: "gas_used_total", Help: "Gas that these transactions used."}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Name: name, Help: help}, value)
	}
	m.registry.MustRegister(
		m.runs, m.runTime, m.txs, m.gas, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("chain_height", "Newest block seen.", func() float64 { return float64(d.snapshot().head.Height) }),
		gauge("chain_age_seconds", "Age of the newest block seen.", func() float64 {
			s := d.snapshot()
			if s.headAt.IsZero() {
				return -1
			}
			return time.Since(s.head.Time).Seconds()
		}),
		gauge("online", "1 when the chain counts the node as online.", func() float64 {
			if s := d.snapshot(); s.known && s.node.Online {
				return 1
			}
			return 0
		}),
		gauge("jobs_running", "Jobs that run now.", func() float64 { return float64(len(d.loop.Running())) }),
		gauge("jobs_stored", "Jobs of which something is kept.", func() float64 { return float64(d.store.Usage().Jobs) }),
		gauge("storage_reserved_bytes", "Space promised to jobs.", func() float64 { return float64(d.store.Usage().ReservedBytes) }),
		gauge("messages_waiting", "Messages that are in no block yet.", func() float64 {
			waiting, err := d.queue.Waiting()
			if err != nil {
				return -1
			}
			return float64(len(waiting))
		}),
		gauge("earned_uemc", "What jobs paid to the operator, in uemc.", func() float64 {
			f, _ := d.earnings.earned().Uemc.BigInt().Float64()
			return f
		}),
	)
	m.registerPower(d, space)
	return m
}

// registerPower adds what the chain says of the node's power, as it was last read.
func (m *metrics) registerPower(d *Daemon, space string) {
	gauge := func(name, help string, labels prometheus.Labels, value func(power.Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(d.powerStatus()) })
	}
	windows := func(result string, value func(power.Status) float64) prometheus.Collector {
		return gauge("windows", "Windows of the proof of computing by their result; of the missed ones, those that count at present.",
			prometheus.Labels{"result": result}, value)
	}
	m.registry.MustRegister(
		gauge("power_micro_e", "Market power, which limits what the node may sell, in micro-E.", nil, func(s power.Status) float64 { return float64(s.Market) }),
		gauge("power_proven_micro_e", "Power of the last proof, in micro-E.", nil, func(s power.Status) float64 { return float64(s.Proven) }),
		windows("proved", func(s power.Status) float64 { return float64(s.Proved) }),
		windows("missed", func(s power.Status) float64 { return float64(s.Missed) }),
		windows("silent", func(s power.Status) float64 { return float64(s.Silent) }),
		windows("wrong", func(s power.Status) float64 { return float64(s.Wrong) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: space, Name: "frozen_seconds_total", Help: "Time in which jobs were held still, in seconds."},
			func() float64 { return d.powerStatus().Frozen.Seconds() }),
		gauge("rewards_claimable_uemc", "What the operator can claim, in uemc.", nil, func(s power.Status) float64 {
			f, _ := s.Claimable.BigInt().Float64()
			return f
		}),
	)
}

func (m *metrics) ended(r runtime.Result) {
	m.runs.WithLabelValues(string(r.Reason)).Inc()
	m.runTime.Add(r.Wall.Seconds())
}

func (m *metrics) sent(in chainclient.Included) {
	m.txs.Inc()
	m.gas.Add(float64(in.GasUsed))
}

// serve answers on an address of its own until ctx ends, with the events beside the figures: who may see one may see the other.
func (m *metrics) serve(ctx context.Context, address string, events http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(errors.New("metrics.address cannot be used; choose another, or leave it empty"), err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /events", events)
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return control.ServeHTTP(ctx, listener, mux)
}
