package garbage

import (
	"slices"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "garbage"

// New makes the service; resources are all resources that are built in, beside which it follows those that users
// define. Owners of resources that are neither count as living. Kubernetes Events have no owners and are left out.
func New(resources []subject.Resource) *process.Controller {
	reads := slices.DeleteFunc(slices.Clone(resources), func(r subject.Resource) bool { return subject.StreamOf(r) == subject.Events })
	s := newState(reads)
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: append(reads, subject.Every),
			Writes: []process.Field{
				{Resource: everything, Path: "*"},
				{Resource: everything, Path: "metadata.ownerReferences[absent]"},
				{Resource: everything, Path: "metadata.finalizers[foregroundDeletion]"},
				{Resource: everything, Path: "metadata.finalizers[orphan]"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}

// everything stands for all resources.
var everything = subject.Resource{Group: "*", Name: "*"}
