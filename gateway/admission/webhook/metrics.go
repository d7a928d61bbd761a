package webhook

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics have the names that dashboards for Kubernetes know.
type metrics struct {
	durations          *prometheus.HistogramVec
	rejections, opened *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_admission_webhook_admission_duration_seconds", Help: "Time that webhooks took to answer.",
			Buckets: []float64{.005, .025, .1, .5, 1, 2.5, 10, 25},
		}, []string{"name", "type", "operation", "rejected"}),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_admission_webhook_rejection_count", Help: "Writes that webhooks refused, or that failed with them.",
		}, []string{"name", "type", "operation", "error_type", "rejection_code"}),
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_admission_webhook_fail_open_count", Help: "Webhooks that failed and were ignored.",
		}, []string{"name", "type"}),
	}
	if r != nil {
		r.MustRegister(m.durations, m.rejections, m.opened)
	}
	return m
}

// asked counts what came of asking a webhook; open says that a failure was ignored.
func (m *metrics) asked(name, typ, operation string, began time.Time, err error, open bool) {
	rejected := err != nil && !open
	m.durations.WithLabelValues(name, typ, operation, strconv.FormatBool(rejected)).Observe(time.Since(began).Seconds())
	switch {
	case open:
		m.opened.WithLabelValues(name, typ).Inc()
	case rejected:
		what := "no_error"
		if failed := (*failure)(nil); errors.As(err, &failed) {
			what = "calling_webhook_error"
		}
		m.rejections.WithLabelValues(name, typ, operation, what, strconv.Itoa(int(min(codeOf(err), 600)))).Inc()
	}
}
