package process

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
)

type metrics struct {
	decisions prometheus.Counter
	commands  *prometheus.CounterVec
	duration  prometheus.Histogram
	queue     prometheus.Gauge
	delay     prometheus.Gauge
}

// newMetrics registers a service's metrics, told apart by the label service.
func newMetrics(service string, r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		decisions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "taffrail_service_decisions_total", Help: "Decisions made.",
		}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "taffrail_service_commands_total", Help: "Commands answered, by verb and outcome (a Status reason, or ok).",
		}, []string{"verb", "outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "taffrail_service_command_duration_seconds", Help: "Time from sending a command to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "taffrail_service_queue_keys", Help: "Keys that wait for their decision.",
		}),
		delay: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "taffrail_service_fold_delay_seconds", Help: "Age of the newest event when it was folded.",
		}),
	}
	if r == nil {
		return m, nil
	}
	r = prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, r)
	for _, c := range []prometheus.Collector{m.decisions, m.commands, m.duration, m.queue, m.delay} {
		if err := r.Register(c); err != nil {
			return nil, errs.E("register metrics", errs.Internal, err)
		}
	}
	return m, nil
}

func (m *metrics) folded(b fold.Batch, now time.Time) {
	newest := b.Events[len(b.Events)-1]
	m.delay.Set(now.Sub(time.Unix(0, newest.GetTime())).Seconds())
}

func (m *metrics) command(s sent) {
	outcome := "ok"
	if s.err != nil {
		outcome = string(errs.KindOf(s.err))
	}
	m.commands.WithLabelValues(s.command.GetVerb().String(), outcome).Inc()
	m.duration.Observe(s.took.Seconds())
}

// failureLevel makes a key's first failures, which are mostly lost races, quiet.
func failureLevel(failures int) zapcore.Level {
	if failures < 3 {
		return zapcore.DebugLevel
	}
	return zapcore.WarnLevel
}
