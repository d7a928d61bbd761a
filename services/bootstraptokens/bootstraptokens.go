package bootstraptokens

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "bootstraptokens"

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:   Name,
			Reads:  []subject.Resource{subject.Secrets},
			Writes: []process.Field{{Resource: subject.Secrets, Path: "*"}},
		},
		State:  s,
		Decide: s.decide,
	}
}
