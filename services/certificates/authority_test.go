package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T, life time.Duration) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "taffrail"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{Certificate: c, Key: key}
}

func newRequest(t *testing.T, uid string, seconds *int32) (*request, *x509.CertificateRequest) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "system:node:a", Organization: []string{"system:nodes"}},
		DNSNames: []string{"a"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	r := &request{Spec: certificatesv1.CertificateSigningRequestSpec{
		Request:           pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		Usages:            []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment, certificatesv1.UsageServerAuth},
		ExpirationSeconds: seconds,
	}}
	r.Name, r.UID = "a", types.UID(uid)
	asked, err := parse(r.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	return r, asked
}

func issued(t *testing.T, a *Authority, r *request, asked *x509.CertificateRequest) *x509.Certificate {
	t.Helper()
	text, err := a.issue(r, asked, now)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificateIsWhatWasAskedAndVerifies(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, 10*longest)
	r, asked := newRequest(t, "1", nil)
	c := issued(t, a, r, asked)
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, DNSName: "a", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("good for what was not asked")
	}
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment || !slices.Equal(c.Subject.Organization, []string{"system:nodes"}) {
		t.Errorf("certificate of %v, CA %t, usage %b", c.Subject, c.IsCA, c.KeyUsage)
	}
	if !issued(t, a, r, asked).Equal(c) {
		t.Error("a request signed twice has two certificates")
	}
	other, asked := newRequest(t, "2", nil)
	if issued(t, a, other, asked).SerialNumber.Cmp(c.SerialNumber) == 0 {
		t.Error("two requests have one serial number")
	}
}

func TestLifetimeIsBounded(t *testing.T) {
	t.Parallel()
	seconds := func(n int32) *int32 { return &n }
	for _, c := range []struct {
		name    string
		life    time.Duration
		seconds *int32
		want    time.Duration
	}{
		{"a year unless asked", 10 * longest, nil, longest - backdate},
		{"what was asked", 10 * longest, seconds(24 * 3600), 24*time.Hour - backdate},
		{"all of a short time", 10 * longest, seconds(3600), time.Hour},
		{"ten minutes at least", 10 * longest, seconds(1), shortest},
		{"a year at most", 10 * longest, seconds(1 << 30), longest - backdate},
		{"no longer than the authority", time.Hour, nil, time.Hour},
	} {
		r, asked := newRequest(t, "1", c.seconds)
		got := issued(t, newAuthority(t, c.life), r, asked)
		if got.NotAfter.Sub(now) != c.want || now.Sub(got.NotBefore) != backdate {
			t.Errorf("%s: from %v to %v", c.name, now.Sub(got.NotBefore), got.NotAfter.Sub(now))
		}
	}
	r, asked := newRequest(t, "1", nil)
	if _, err := newAuthority(t, -time.Minute).issue(r, asked, now); err == nil {
		t.Error("an authority that has expired signs")
	}
}
