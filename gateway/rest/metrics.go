package rest

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have the names that dashboards for Kubernetes know.
type metrics struct {
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	sizes       *prometheus.HistogramVec
	inflight    *prometheus.GaugeVec
	longRunning *prometheus.GaugeVec
	watchEvents *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	resource := []string{"verb", "group", "version", "resource", "subresource", "scope"}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_request_total", Help: "Requests by verb, resource and HTTP code.",
		}, append([]string{"code", "dry_run"}, resource...)),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_request_duration_seconds", Help: "Time to answer a request, watches and connections excepted.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, resource),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_response_sizes", Help: "Bytes of answers before compression.", Buckets: prometheus.ExponentialBuckets(1000, 10, 6),
		}, resource),
		inflight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apiserver_current_inflight_requests", Help: "Requests under way.",
		}, []string{"request_kind"}),
		longRunning: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apiserver_longrunning_requests", Help: "Watches and connections open.",
		}, resource),
		watchEvents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_watch_events_total", Help: "Events sent to watches.",
		}, []string{"group", "version", "resource"}),
	}
	r.MustRegister(m.requests, m.durations, m.sizes, m.inflight, m.longRunning, m.watchEvents)
	return m
}

func (q *request) scope() string {
	switch {
	case q.target.name != "":
		return "resource"
	case q.target.namespace != "":
		return "namespace"
	}
	return "cluster"
}

// labels are bounded: a path that is no served resource's counts as one.
func (q *request) labels() []string {
	if q.served == nil {
		return []string{"", "", "", "", "", ""}
	}
	return []string{q.Verb, q.served.Group, q.served.Version, q.served.Resource, q.Subresource, q.scope()}
}

func (q *request) requestKind() string {
	if q.Verb == "get" || q.Verb == "list" {
		return "readOnly"
	}
	return "mutating"
}

func (m *metrics) begin(q *request) { m.inflight.WithLabelValues(q.requestKind()).Inc() }
func (m *metrics) end(q *request)   { m.inflight.WithLabelValues(q.requestKind()).Dec() }

// long counts a watch or connection until the function it returns is called.
func (m *metrics) long(q *request) (done func()) {
	gauge := m.longRunning.WithLabelValues(q.labels()...)
	gauge.Inc()
	return gauge.Dec
}

func (m *metrics) done(q *request) {
	labels := q.labels()
	dryRun := ""
	if q.DryRun {
		dryRun = "All"
	}
	m.requests.WithLabelValues(append([]string{strconv.Itoa(q.code), dryRun}, labels...)...).Inc()
	if q.Verb == "watch" || q.sub != nil && q.sub.Connect != nil {
		return
	}
	m.durations.WithLabelValues(labels...).Observe(time.Since(q.Now).Seconds())
	m.sizes.WithLabelValues(labels...).Observe(float64(q.size))
}
