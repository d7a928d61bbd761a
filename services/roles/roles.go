package roles

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "roles"

// Rules is the field that is written. Whoever writes it has to hold the rules, or the verb "escalate".
var Rules = process.Field{Resource: subject.ClusterRoles, Path: "rules"}

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec:   process.Spec{Name: Name, Reads: []subject.Resource{subject.ClusterRoles}, Writes: []process.Field{Rules}},
		State:  s,
		Decide: s.decide,
	}
}
