package scheduler

import (
	"github.com/prometheus/client_golang/prometheus"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "scheduler"

// New makes the service. Its metrics go to r; nil for none.
func New(r prometheus.Registerer) *process.Controller {
	s := NewState()
	m := newMetrics(r)
	return &process.Controller{
		Spec: process.Spec{
			Name: Name,
			Reads: []subject.Resource{
				subject.Pods, subject.Nodes, subject.Namespaces, subject.Services, subject.ReplicaSets, subject.CoreEvents,
			},
			Writes: []process.Field{
				{Resource: subject.Pods, Path: "spec.nodeName"},
				{Resource: subject.Pods, Path: "status.conditions[PodScheduled]"},
				{Resource: subject.CoreEvents, Path: "*"},
			},
		},
		State: s,
		Decide: func(t process.Turn) process.Plan {
			plan := s.Decide(t)
			m.observe(s, &plan)
			return plan
		},
		Before:   s.before,
		Parallel: 256,
	}
}
