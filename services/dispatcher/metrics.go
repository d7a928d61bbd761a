package dispatcher

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	messages             *prometheus.CounterVec
	statements, failures prometheus.Counter
	queue                prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "taffrail_dispatcher_messages_total", Help: "Messages put on ASSIGN, by what they are: assignment, removal or mark.",
		}, []string{"kind"}),
		statements: f.NewCounter(prometheus.CounterOpts{
			Name: "taffrail_dispatcher_statements_total", Help: "Full statements begun: at the start, and whenever ASSIGN was lost.",
		}),
		failures: f.NewCounter(prometheus.CounterOpts{
			Name: "taffrail_dispatcher_failures_total", Help: "Appends to ASSIGN and readings of it that failed.",
		}),
		queue: f.NewGauge(prometheus.GaugeOpts{
			Name: "taffrail_dispatcher_queue_assignments", Help: "Assignments that wait to be looked at.",
		}),
	}
}

func (m *metrics) told(b *batch) {
	for i, a := range b.assignments {
		switch {
		case a.Mark:
			m.messages.WithLabelValues("mark").Inc()
		case b.next[i].removed:
			m.messages.WithLabelValues("removal").Inc()
		default:
			m.messages.WithLabelValues("assignment").Inc()
		}
	}
}
