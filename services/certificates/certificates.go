package certificates

import (
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "certificates"

// The fields that are written, which have doors of their own.
var (
	Approval = process.Field{Resource: requests, Path: "status.conditions[Approved]"}
	Issuance = process.Field{Resource: requests, Path: "status.certificate"}
	Failure  = process.Field{Resource: requests, Path: "status.conditions[Failed]"}
)

// Signers are those whose certificates the service issues.
func Signers() []string { return []string{signerClient, signerKubelet, signerServing, signerLegacy} }

// New makes the service; the authority signs. Declaring the service takes none.
func New(a *Authority) *process.Controller {
	s := newState(a)
	return &process.Controller{
		Spec: process.Spec{
			Name:   Name,
			Reads:  []subject.Resource{requests},
			Asks:   []subject.Resource{reviews},
			Writes: []process.Field{{Resource: requests, Path: "*"}, Approval, Issuance, Failure},
		},
		State:  s,
		Decide: s.decide,
	}
}
