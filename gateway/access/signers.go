package access

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"reflect"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// Signers is the admission plugin of certificates: who approves a request needs the verb "approve" on its signer,
// who issues or fails one "sign", and nobody is certified as one of the masters of the API.
type Signers struct{ Authorize Authorize }

// Name is the plugin's.
func (Signers) Name() string { return "CertificateSigners" }

// Admit refuses what the user may not decide for the request's signer.
func (s Signers) Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	request, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return nil
	}
	was, _ := old.(*certificatesv1.CertificateSigningRequest)
	switch {
	case was == nil:
		if certifiesMaster(&request.Spec) {
			return refused(r, fmt.Sprintf("use of %s signer with %s group is not allowed", certificatesv1.KubeAPIServerClientSignerName, groupMasters))
		}
		return nil
	case r.Subresource == "approval":
		return s.may(ctx, r, "approve", was.Spec.SignerName)
	case r.Subresource == "status" && !reflect.DeepEqual(request.Status, was.Status):
		return s.may(ctx, r, "sign", was.Spec.SignerName)
	}
	return nil
}

// may asks whether the user has a verb on a signer, or on all of the signer's domain.
func (s Signers) may(ctx context.Context, r *kind.Request, verb, signer string) error {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		allowed, _, err := s.Authorize(ctx, Attributes{
			User: r.User, Verb: verb, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", Name: name,
		})
		if err == nil && allowed {
			return nil
		}
	}
	return refused(r, fmt.Sprintf("user not permitted to %s requests with signerName %q", verb, signer))
}

func refused(r *kind.Request, why string) error {
	return apierrors.NewForbidden(r.Kind.GroupVersionResource().GroupResource(), r.Name, fmt.Errorf("%s", why))
}

// certifiesMaster says whether a certificate for clients of the API would be one of their masters.
func certifiesMaster(s *certificatesv1.CertificateSigningRequestSpec) bool {
	if s.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return false
	}
	block, _ := pem.Decode(s.Request)
	if block == nil {
		return false // validation says what is wrong
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	return err == nil && slices.Contains(parsed.Subject.Organization, groupMasters)
}
