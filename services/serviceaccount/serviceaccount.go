package serviceaccount

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "serviceaccount"

// New makes the service; ca is the PEM of the certificates that vouch for the gateway.
func New(ca string) *process.Controller {
	s := newState(ca)
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{subject.Namespaces, subject.ServiceAccounts, subject.ConfigMaps},
			Writes: []process.Field{
				{Resource: subject.ServiceAccounts, Path: "*"},
				{Resource: subject.ConfigMaps, Path: "*"},
				{Resource: subject.ConfigMaps, Path: "data[ca.crt]"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
