package gateway

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxApps bounds the apps that have series of their own; the rest are "other".
const maxApps = 200

const other = "other"

// metrics are the gateway's figures.
type metrics struct {
	calls   *prometheus.CounterVec
	first   *prometheus.HistogramVec
	total   *prometheus.HistogramVec
	running prometheus.Gauge
	bytes   *prometheus.CounterVec
	cached  *prometheus.CounterVec
	charged *prometheus.CounterVec
	refused *prometheus.CounterVec

	mu   sync.Mutex
	apps map[string]bool
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	const space = "emc_router"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: space, Name: name, Help: help,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180, 600}}, []string{"app"})
	}
	m := &metrics{
		calls:   counter("calls_total", "Calls by app and class of status.", "app", "class"),
		first:   histogram("first_byte_seconds", "Time until a call's answer began."),
		total:   histogram("call_seconds", "Time until a call's answer ended."),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: space, Name: "calls_running", Help: "Calls that run now."}),
		bytes:   counter("bytes_total", "Bytes of bodies: in from customers, out to them.", "direction"),
		cached:  counter("cache_total", "Calls that the cache could answer, by whether it did.", "result"),
		charged: counter("charged_uemc_total", "What calls cost by their receipts, in uemc.", "app"),
		refused: counter("refused_total", "Requests that were not answered by an app, by the reason.", "reason"),
		apps:    map[string]bool{},
	}
	var err error
	for _, c := range []prometheus.Collector{m.calls, m.first, m.total, m.running, m.bytes, m.cached, m.charged, m.refused} {
		err = errors.Join(err, registry.Register(c))
	}
	return m, err
}

// label is an app's, as long as there are not too many: apps come and go, series stay.
func (m *metrics) label(app string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if app == "" || !m.apps[app] && len(m.apps) >= maxApps {
		return other
	}
	m.apps[app] = true
	return app
}

func (m *metrics) ended(v *visit) {
	if v.reason != "" {
		m.refused.WithLabelValues(v.reason).Inc()
	}
	if !v.call {
		return
	}
	status := v.status
	if status == 0 {
		status = statusGone
	}
	app := m.label(v.app)
	m.calls.WithLabelValues(app, strconv.Itoa(status/100)+"xx").Inc()
	m.total.WithLabelValues(app).Observe(time.Since(v.began).Seconds())
	if !v.first.IsZero() {
		m.first.WithLabelValues(app).Observe(v.first.Sub(v.began).Seconds())
	}
	m.bytes.WithLabelValues("in").Add(float64(v.read))
	m.bytes.WithLabelValues("out").Add(float64(v.written))
	m.charged.WithLabelValues(app).Add(float64(v.cost))
	if v.cache != "" {
		m.cached.WithLabelValues(v.cache).Inc()
	}
}
