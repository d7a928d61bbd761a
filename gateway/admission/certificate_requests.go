package admission

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/gateway/kind"
)

// mayAct says whether a user may do something to a cluster-scoped object: access.Authorizer, as these plugins need it.
type mayAct func(ctx context.Context, user kind.User, verb, group, resource, name string) (bool, error)

// CertificateApproval lets only those approve a certificate request that may do so for its signer, CertificateSigning
// only those sign it.
type (
	CertificateApproval struct{ May mayAct }
	CertificateSigning  struct{ May mayAct }
	// CertificateSubjectRestriction lets nobody ask for a client certificate of the group that may do everything.
	CertificateSubjectRestriction struct{}
)

// Name is the plugin's.
func (CertificateApproval) Name() string { return "CertificateApproval" }

// Name is the plugin's.
func (CertificateSigning) Name() string { return "CertificateSigning" }

// Name is the plugin's.
func (CertificateSubjectRestriction) Name() string { return "CertificateSubjectRestriction" }

// Admit refuses an approval or denial by somebody else.
func (p CertificateApproval) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	was, ok := old.(*certificatesv1.CertificateSigningRequest)
	if !ok || obj == nil || q.Subresource != "approval" {
		return nil
	}
	if !actsOnSigner(ctx, p.May, q, "approve", was.Spec.SignerName) {
		return refuse(q, "user not permitted to approve requests with signerName %q", was.Spec.SignerName)
	}
	return nil
}

// Admit refuses a certificate, or a condition, by somebody else.
func (p CertificateSigning) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	now, ok := obj.(*certificatesv1.CertificateSigningRequest)
	was, replaced := old.(*certificatesv1.CertificateSigningRequest)
	if !ok || !replaced || q.Subresource != "status" {
		return nil
	}
	if slices.Equal(now.Status.Certificate, was.Status.Certificate) && reflect.DeepEqual(now.Status.Conditions, was.Status.Conditions) {
		return nil
	}
	if !actsOnSigner(ctx, p.May, q, "sign", was.Spec.SignerName) {
		return refuse(q, "user not permitted to sign requests with signerName %q", was.Spec.SignerName)
	}
	return nil
}

// actsOnSigner asks for the signer, then for all signers of its domain.
func actsOnSigner(ctx context.Context, may mayAct, q *kind.Request, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		if ok, err := may(ctx, q.User, verb, certificatesv1.GroupName, "signers", name); err == nil && ok {
			return true
		}
	}
	return false
}

// Admit refuses a new request for the group system:masters.
func (CertificateSubjectRestriction) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	const masters = "system:masters"
	request, ok := created[*certificatesv1.CertificateSigningRequest](q, obj, old)
	if !ok || request.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	parsed, err := parseRequest(request.Spec.Request)
	if err != nil {
		return refuse(q, "failed to parse CSR: %w", err)
	}
	if slices.Contains(parsed.Subject.Organization, masters) {
		return refuse(q, "use of %s signer with %s group is not allowed", certificatesv1.KubeAPIServerClientSignerName, masters)
	}
	return nil
}

func parseRequest(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}
