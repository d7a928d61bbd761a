package endpoints

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "endpoints"

// New makes the service.
func New() *process.Controller {
	s := newState()
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{subject.Services, subject.Pods, subject.Nodes, subject.EndpointSlices, subject.Endpoints},
			Writes: []process.Field{
				{Resource: subject.EndpointSlices, Path: "*"},
				{Resource: subject.EndpointSlices, Path: "endpoints"},
				{Resource: subject.EndpointSlices, Path: "ports"},
				{Resource: subject.EndpointSlices, Path: "metadata.labels"},
				{Resource: subject.Endpoints, Path: "*"},
				{Resource: subject.Endpoints, Path: "subsets"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
