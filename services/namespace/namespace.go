package namespace

import (
	"slices"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "namespace"

// New makes the service; resources are all namespaced resources that are built in, beside which it follows those
// that users define. Kubernetes Events are left to their time to live: they end without a tombstone, so
// none can be waited for.
func New(resources []subject.Resource) *process.Controller {
	s := newState()
	reads := append([]subject.Resource{subject.Namespaces, subject.Every}, slices.DeleteFunc(slices.Clone(resources), func(r subject.Resource) bool {
		return r == subject.Namespaces || subject.StreamOf(r) == subject.Events
	})...)
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: reads,
			Writes: []process.Field{
				{Resource: subject.Resource{Group: "*", Name: "*"}, Path: "*"},
				{Resource: subject.Namespaces, Path: "status.conditions"},
				{Resource: subject.Namespaces, Path: "spec.finalizers"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
