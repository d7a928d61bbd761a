package scheduler

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

type metrics struct {
	bound, refused   prometheus.Counter
	wait             prometheus.Histogram
	waiting, blocked prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	outcomes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "taffrail_scheduler_decisions_total", Help: "Decisions, by outcome: bound or refused.",
	}, []string{"outcome"})
	pods := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "taffrail_scheduler_pods", Help: "Pods without a node, and classes of them that no node fits.",
	}, []string{"state"})
	return &metrics{
		bound: outcomes.WithLabelValues("bound"), refused: outcomes.WithLabelValues("refused"),
		waiting: pods.WithLabelValues("waiting"), blocked: pods.WithLabelValues("blocked_classes"),
		wait: f.NewHistogram(prometheus.HistogramOpts{
			Name: "taffrail_scheduler_wait_seconds", Help: "From a pod's creation to the decision that sends it to a node.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
	}
}

func (m *metrics) observe(s *State, plan *process.Plan) {
	m.waiting.Set(float64(len(s.waiting)))
	m.blocked.Set(float64(len(s.blocked)))
	if len(plan.Commands) == 0 {
		if plan.After > 0 {
			m.refused.Inc()
		}
		return
	}
	detail, ok := plan.Commands[0].GetDetail().(*commandv1.Command_Scheduling)
	if !ok || detail.Scheduling.GetNode() == "" {
		m.refused.Inc()
		return
	}
	m.bound.Inc()
	m.wait.Observe(float64(detail.Scheduling.GetWaited()) / 1e9)
}
