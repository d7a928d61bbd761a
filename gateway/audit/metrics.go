package audit

import "github.com/prometheus/client_golang/prometheus"

func newRecords() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "taffrail_gateway_audit_records_total", Help: "Refusals by what became of their record on AUDIT.",
	}, []string{"result"})
}
