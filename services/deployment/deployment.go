package deployment

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "deployment"

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{subject.Deployments, subject.ReplicaSets, subject.Pods, subject.CoreEvents},
			Writes: []process.Field{
				{Resource: subject.Deployments, Path: "status"},
				{Resource: subject.Deployments, Path: "metadata.annotations[deployment.kubernetes.io/revision]"},
				{Resource: subject.ReplicaSets, Path: "*"},
				{Resource: subject.ReplicaSets, Path: "spec"},
				{Resource: subject.ReplicaSets, Path: "metadata.annotations"},
				{Resource: subject.ReplicaSets, Path: "metadata.ownerReferences[Deployment]"},
				{Resource: subject.CoreEvents, Path: "*"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
