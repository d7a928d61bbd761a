package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

var (
	requests = subject.Resource{Group: certificatesv1.GroupName, Name: "certificatesigningrequests"}
	reviews  = subject.Resource{Group: "authorization.k8s.io", Name: "subjectaccessreviews"}
)

// state is the requests, and who signs.
type state struct {
	authority *Authority
	requests  *fold.Store[certificatesv1.CertificateSigningRequest, *certificatesv1.CertificateSigningRequest]
}

func newState(a *Authority) *state {
	return &state{authority: a, requests: fold.NewStore[certificatesv1.CertificateSigningRequest](requests)}
}

// Apply folds an event of a request, which wakes itself.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	if key.Resource != requests {
		return nil
	}
	if _, _, err := s.requests.Apply(e); err != nil {
		return nil
	}
	return []subject.Object{key}
}
