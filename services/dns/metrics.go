package dns

import (
	mdns "github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ answers *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "taffrail_dns_answers_total", Help: "Answers about the cluster's own names, by response code.",
	}, []string{"rcode"})}
	if r != nil {
		r.MustRegister(m.answers)
	}
	return m
}

func (m *metrics) answered(rcode int) { m.answers.WithLabelValues(mdns.RcodeToString[rcode]).Inc() }
