package disruption

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "disruption"

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:   Name,
			Reads:  []subject.Resource{budgets, subject.Pods},
			Writes: []process.Field{{Resource: budgets, Path: "status"}},
		},
		State:  s,
		Decide: s.decide,
	}
}
