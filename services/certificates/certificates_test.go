package certificates_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/certificates"
)

// key is the same at each run, so that what it signs is.
func key(t testing.TB, scalar byte) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{scalar}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func authority(t testing.TB) *certificates.Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "taffrail"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageCertSign,
	}
	k := key(t, 7)
	der, err := x509.CreateCertificate(nil, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &certificates.Authority{Certificate: c, Key: k}
}

// answer allows bootstrapping users certificates of nodes, and nodes their own.
func answer(body []byte) ([]byte, error) {
	var r authorizationv1.SubjectAccessReview
	if err := r.Unmarshal(body); err != nil {
		return nil, err
	}
	switch r.Spec.ResourceAttributes.Subresource {
	case "nodeclient":
		r.Status.Allowed = strings.HasPrefix(r.Spec.User, "system:bootstrap:")
	case "selfnodeclient":
		r.Status.Allowed = strings.HasPrefix(r.Spec.User, "system:node:")
	}
	return r.Marshal()
}

var (
	requests = subject.Resource{Group: "certificates.k8s.io", Name: "certificatesigningrequests"}
	reviews  = subject.Resource{Group: "authorization.k8s.io", Name: "subjectaccessreviews"}
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	a := authority(t)
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller { return certificates.New(a) },
		Kinds: []processtest.Kind{
			processtest.KindOf[certificatesv1.CertificateSigningRequest](requests, "certificates.k8s.io/v1", "CertificateSigningRequest"),
			processtest.KindOf[authorizationv1.SubjectAccessReview](reviews, "authorization.k8s.io/v1", "SubjectAccessReview"),
		},
		Reviews: map[subject.Resource]func([]byte) ([]byte, error){reviews: answer},
	})
}
