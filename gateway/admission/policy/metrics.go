package policy

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics have the names that dashboards for Kubernetes know.
type metrics struct {
	checks map[string]*prometheus.CounterVec
}

// The types of policies, as metrics name them.
const (
	validatingType = "validating"
	mutatingType   = "mutating"
)

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{checks: map[string]*prometheus.CounterVec{}}
	for _, typ := range []string{validatingType, mutatingType} {
		m.checks[typ] = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_" + typ + "_admission_policy_check_total", Help: "Evaluations of policies that changed or refused something, or failed.",
		}, []string{"policy", "policy_binding", "error_type", "enforcement_action"})
		if r != nil {
			r.MustRegister(m.checks[typ])
		}
	}
	return m
}

// checked counts what came of evaluating a policy.
func (m *metrics) checked(typ string, i *invocation, action string, broken bool) {
	what := "no_error"
	if broken {
		what = "invalid_error"
	}
	m.checks[typ].WithLabelValues(i.policy.name, i.binding.name, what, action).Inc()
}
