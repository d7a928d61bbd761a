package replicaset

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "replicaset"

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{subject.ReplicaSets, subject.Pods, subject.CoreEvents},
			Writes: []process.Field{
				{Resource: subject.ReplicaSets, Path: "status"},
				{Resource: subject.Pods, Path: "metadata.ownerReferences[ReplicaSet]"},
				{Resource: subject.Pods, Path: "*"},
				{Resource: subject.CoreEvents, Path: "*"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
