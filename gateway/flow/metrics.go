package flow

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a request was refused.
const (
	reasonNoSeat = iota
	reasonQueueFull
	reasonLate
	reasonCancelled
)

var reasons = []string{"concurrency-limit", "queue-full", "time-out", "cancelled"}

const prefix = "apiserver_flowcontrol_"

// metrics are the door's, with the names that Kubernetes gives them. Levels are read when asked.
type metrics struct {
	door                                      *Door
	rejected, dispatched                      *prometheus.CounterVec
	queued, queuedSeats, executing, occupying *prometheus.GaugeVec
	waited, executed, width                   *prometheus.HistogramVec
	levels                                    []levelMetric
	frac                                      *prometheus.Desc
}

type levelMetric struct {
	desc *prometheus.Desc
	of   func(*share) float64
}

var _ prometheus.Collector = (*metrics)(nil)

func newMetrics(d *Door) *metrics {
	by := []string{"priority_level", "flow_schema"}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, append(slices.Clone(by), more...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, by)
	}
	seconds := []float64{0, .005, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30}
	histogram := func(name, help string, buckets []float64, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, append(slices.Clone(by), more...))
	}
	return &metrics{
		door:        d,
		rejected:    counter("rejected_requests_total", "Requests refused.", "reason"),
		dispatched:  counter("dispatched_requests_total", "Requests let in."),
		queued:      gauge("current_inqueue_requests", "Requests that wait."),
		queuedSeats: gauge("current_inqueue_seats", "Seats of the requests that wait."),
		executing:   gauge("current_executing_requests", "Requests inside."),
		occupying:   gauge("current_executing_seats", "Seats of the requests inside."),
		waited:      histogram("request_wait_duration_seconds", "Time that requests waited.", seconds, "execute"),
		executed:    histogram("request_execution_seconds", "Time that requests were inside.", seconds),
		width:       histogram("work_estimated_seats", "Seats that requests take.", []float64{1, 2, 4, 10}),
		levels:      levelMetrics(),
		frac:        prometheus.NewDesc(prefix+"seat_fair_frac", "Proportion of their targets that levels have.", nil, nil),
	}
}

func levelMetrics() []levelMetric {
	metric := func(name, help string, of func(*share) float64) levelMetric {
		return levelMetric{prometheus.NewDesc(prefix+name, help, []string{"priority_level"}, nil), of}
	}
	return []levelMetric{
		metric("nominal_limit_seats", "Seats by the configured shares.", func(l *share) float64 { return float64(l.nominal) }),
		metric("lower_limit_seats", "Seats that are never lent.", func(l *share) float64 { return float64(l.lower) }),
		metric("upper_limit_seats", "Seats with all that may be borrowed.", func(l *share) float64 { return float64(l.upper) }),
		metric("current_limit_seats", "Seats now.", func(l *share) float64 { return float64(l.current) }),
		metric("target_seats", "Seats that are wanted.", func(l *share) float64 { return l.target }),
		metric("demand_seats_high_watermark", "Most seats asked for in the last period.", func(l *share) float64 { return float64(l.last.high) }),
		metric("demand_seats_average", "Mean of the seats asked for in the last period.", func(l *share) float64 { return l.last.average }),
		metric("demand_seats_stdev", "Standard deviation of the seats asked for in the last period.", func(l *share) float64 { return l.last.deviation }),
		metric("demand_seats_smoothed", "Seats asked for, smoothed.", func(l *share) float64 { return l.smooth }),
	}
}

func (m *metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.rejected, m.dispatched, m.queued, m.queuedSeats, m.executing, m.occupying, m.waited, m.executed, m.width}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, v := range m.vectors() {
		v.Describe(out)
	}
	for _, l := range m.levels {
		out <- l.desc
	}
	out <- m.frac
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, v := range m.vectors() {
		v.Collect(out)
	}
	m.door.mu.Lock()
	levels, frac := slices.Collect(maps.Values(m.door.levels)), m.door.frac
	m.door.mu.Unlock()
	for _, l := range levels {
		l.mu.Lock()
		now := l.share
		l.mu.Unlock()
		for _, lm := range m.levels {
			out <- prometheus.MustNewConstMetric(lm.desc, prometheus.GaugeValue, lm.of(&now), l.name)
		}
	}
	out <- prometheus.MustNewConstMetric(m.frac, prometheus.GaugeValue, frac)
}

// forget drops what was counted of a schema that is gone: names come from users, and are bounded by the objects.
func (m *metrics) forget(schema string) {
	by := prometheus.Labels{"flow_schema": schema}
	m.rejected.DeletePartialMatch(by)
	m.dispatched.DeletePartialMatch(by)
	for _, g := range []*prometheus.GaugeVec{m.queued, m.queuedSeats, m.executing, m.occupying} {
		g.DeletePartialMatch(by)
	}
	for _, h := range []*prometheus.HistogramVec{m.waited, m.executed, m.width} {
		h.DeletePartialMatch(by)
	}
}

// counts are one schema's metrics, looked up once.
type counts struct {
	rejected                                  []prometheus.Counter
	dispatched                                prometheus.Counter
	queued, queuedSeats, executing, occupying prometheus.Gauge
	waited, waitedInVain, executed, width     prometheus.Observer
}

func (m *metrics) of(level, schema string) counts {
	c := counts{
		dispatched: m.dispatched.WithLabelValues(level, schema),
		queued:     m.queued.WithLabelValues(level, schema), queuedSeats: m.queuedSeats.WithLabelValues(level, schema),
		executing: m.executing.WithLabelValues(level, schema), occupying: m.occupying.WithLabelValues(level, schema),
		waited:       m.waited.WithLabelValues(level, schema, "true"),
		waitedInVain: m.waited.WithLabelValues(level, schema, "false"),
		executed:     m.executed.WithLabelValues(level, schema), width: m.width.WithLabelValues(level, schema),
	}
	for _, reason := range reasons {
		c.rejected = append(c.rejected, m.rejected.WithLabelValues(level, schema, reason))
	}
	return c
}

func (c *counts) waiting(t *ticket, sign float64) {
	c.queued.Add(sign)
	c.queuedSeats.Add(sign * float64(t.width))
}

func (c *counts) entered(t *ticket) {
	c.dispatched.Inc()
	c.executing.Inc()
	c.occupying.Add(float64(t.width))
	c.waited.Observe(max(0, float64(t.started-t.arrived)/1e9))
	c.width.Observe(float64(t.width))
}

func (c *counts) gaveUp(t *ticket, now int64) { c.waitedInVain.Observe(float64(now-t.arrived) / 1e9) }

func (c *counts) left(t *ticket, now int64) {
	c.executing.Dec()
	c.occupying.Sub(float64(t.width))
	c.executed.Observe(float64(now-t.started) / 1e9)
}
