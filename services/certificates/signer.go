package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// The signers of Kubernetes' own.
const (
	signerClient  = certificatesv1.KubeAPIServerClientSignerName
	signerKubelet = certificatesv1.KubeAPIServerClientKubeletSignerName
	signerServing = certificatesv1.KubeletServingSignerName
	signerLegacy  = "kubernetes.io/legacy-unknown"
)

const (
	nodesGroup = "system:nodes"
	nodePrefix = "system:node:"
)

func ours(signer string) bool { return slices.Contains(Signers(), signer) }

// parse reads a request in PEM.
func parse(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = r.CheckSignature()
	}
	return r, err
}

// check says why a signer does not sign a request. The legacy one signs all.
func check(signer string, r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch signer {
	case signerClient:
		return checkClient(usages)
	case signerKubelet:
		return checkKubeletClient(r, usages)
	case signerServing:
		return checkKubeletServing(r, usages)
	}
	return nil
}

func checkClient(usages []certificatesv1.KeyUsage) error {
	for _, u := range usages {
		switch u {
		case certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment, certificatesv1.UsageClientAuth:
		default:
			return fmt.Errorf("invalid usage for client certificate: %s", u)
		}
	}
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) {
		return fmt.Errorf("missing required usage for client certificate: %s", certificatesv1.UsageClientAuth)
	}
	return nil
}

func checkKubeletClient(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch {
	case !slices.Equal(r.Subject.Organization, []string{nodesGroup}):
		return errors.New("subject organization is not system:nodes")
	case len(r.DNSNames) > 0:
		return errors.New("DNS subjectAltNames are not allowed")
	case len(r.EmailAddresses) > 0:
		return errors.New("Email subjectAltNames are not allowed")
	case len(r.IPAddresses) > 0:
		return errors.New("IP subjectAltNames are not allowed")
	case len(r.URIs) > 0:
		return errors.New("URI subjectAltNames are not allowed")
	}
	return checkNode(r, usages, certificatesv1.UsageClientAuth)
}

func checkKubeletServing(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch {
	case !slices.Equal(r.Subject.Organization, []string{nodesGroup}):
		return errors.New("subject organization is not system:nodes")
	case len(r.DNSNames) == 0 && len(r.IPAddresses) == 0:
		return errors.New("at least one of DNS or IP subjectAltName is required")
	case len(r.EmailAddresses) > 0:
		return errors.New("Email subjectAltNames are not allowed")
	case len(r.URIs) > 0:
		return errors.New("URI subjectAltNames are not allowed")
	}
	return checkNode(r, usages, certificatesv1.UsageServerAuth)
}

// checkNode checks a node's name, and usages: the signature's, auth's, and for RSA keys encipherment.
func checkNode(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage, auth certificatesv1.KeyUsage) error {
	without := []certificatesv1.KeyUsage{auth, certificatesv1.UsageDigitalSignature}
	with := append(slices.Clone(without), certificatesv1.UsageKeyEncipherment)
	slices.Sort(without)
	slices.Sort(with)
	have := slices.Compact(slices.Sorted(slices.Values(usages)))
	if !slices.Equal(have, with) && !slices.Equal(have, without) {
		return fmt.Errorf("usages did not match %v", with)
	}
	if !strings.HasPrefix(r.Subject.CommonName, nodePrefix) {
		return errors.New("subject common name does not begin with system:node: ")
	}
	return nil
}
