package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	duration prometheus.Histogram
	changes  prometheus.Counter
	failures prometheus.Counter
	servers  prometheus.Gauge
}

// newMetrics registers the proxy's metrics, if there is a registerer.
func newMetrics(register prometheus.Registerer) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "taffrail_proxy_sync_duration_seconds", Help: "Time to bring the kernel up to a batch of changes.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
		changes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "taffrail_proxy_changes_total", Help: "Virtual servers updated or deleted."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "taffrail_proxy_sync_failures_total", Help: "Batches that the kernel did not take."}),
		servers:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "taffrail_proxy_servers", Help: "Virtual servers in the kernel."}),
	}
	if register != nil {
		register.MustRegister(m.duration, m.changes, m.failures, m.servers)
	}
	return m
}

func (m *metrics) turn(took time.Duration, servers int, err error) {
	m.duration.Observe(took.Seconds())
	m.servers.Set(float64(servers))
	if err != nil {
		m.failures.Inc()
	}
}
