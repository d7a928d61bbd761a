package protection

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "protection"

// The finalizers that hold what is in use.
const (
	claimFinalizer  = "kubernetes.io/pvc-protection"
	volumeFinalizer = "kubernetes.io/pv-protection"
)

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{claims, volumes, subject.Pods},
			Writes: []process.Field{
				{Resource: claims, Path: "metadata.finalizers[" + claimFinalizer + "]"},
				{Resource: volumes, Path: "metadata.finalizers[" + volumeFinalizer + "]"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
