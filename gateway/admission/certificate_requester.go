package admission

import (
	"context"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/gateway/kind"
)

// CertificateRequester writes into a new request for a certificate who it is from, which signers go by.
type CertificateRequester struct{}

// Name is the plugin's.
func (CertificateRequester) Name() string { return "CertificateRequester" }

// Admit replaces what the request says of its user.
func (CertificateRequester) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	request, ok := created[*certificatesv1.CertificateSigningRequest](q, obj, old)
	if !ok {
		return nil
	}
	s := &request.Spec
	s.Username, s.UID, s.Groups, s.Extra = q.User.Name, q.User.UID, slices.Clone(q.User.Groups), nil
	if len(q.User.Extra) > 0 {
		s.Extra = make(map[string]certificatesv1.ExtraValue, len(q.User.Extra))
		for k, v := range q.User.Extra {
			s.Extra[k] = slices.Clone(v)
		}
	}
	return nil
}
