package certificates

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// Authority signs. Its key is in the memory of no other service.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

const (
	// longest is how long a certificate is good for at most, and unless its request says less.
	longest = 365 * 24 * time.Hour
	// shortest keeps a certificate from being over when it is read.
	shortest = 10 * time.Minute
	// backdate is for clients whose clock is behind; below short it does not shorten the time.
	backdate = 5 * time.Minute
	short    = 8 * time.Hour
)

// issue is the certificate that a request asks for, PEM. It is a pure function: the serial number is made of the
// request's UID, and signatures by an elliptic curve's key need no chance (RFC 6979).
func (a *Authority) issue(r *request, asked *x509.CertificateRequest, now time.Time) ([]byte, error) {
	usage, extended, err := keyUsages(r.Spec.Usages)
	if err != nil {
		return nil, err
	}
	if !now.Before(a.Certificate.NotAfter) {
		return nil, errors.New("the cluster's authority has expired")
	}
	life := lifetime(r.Spec.ExpirationSeconds)
	notAfter := now.Add(life - backdate)
	if life < short {
		notAfter = now.Add(life)
	}
	if notAfter.After(a.Certificate.NotAfter) {
		notAfter = a.Certificate.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial(r), Subject: asked.Subject,
		DNSNames: asked.DNSNames, IPAddresses: asked.IPAddresses, EmailAddresses: asked.EmailAddresses, URIs: asked.URIs,
		NotBefore: now.Add(-backdate), NotAfter: notAfter,
		KeyUsage: usage, ExtKeyUsage: extended, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, a.Certificate, asked.PublicKey, a.Key)
	if err != nil {
		return nil, fmt.Errorf("error auto signing csr: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// serial is positive, of at most 127 bits, and another for every request.
func serial(r *request) *big.Int {
	sum := sha256.Sum256([]byte(string(r.UID) + "/" + r.Name))
	n := new(big.Int).SetBytes(sum[:16])
	return n.SetBit(n.SetBit(n, 127, 0), 126, 1)
}

func lifetime(seconds *int32) time.Duration {
	if seconds == nil {
		return longest
	}
	return min(longest, max(shortest, time.Duration(*seconds)*time.Second))
}

var keyUsage = map[certificatesv1.KeyUsage]x509.KeyUsage{
	certificatesv1.UsageSigning:           x509.KeyUsageDigitalSignature,
	certificatesv1.UsageDigitalSignature:  x509.KeyUsageDigitalSignature,
	certificatesv1.UsageContentCommitment: x509.KeyUsageContentCommitment,
	certificatesv1.UsageKeyEncipherment:   x509.KeyUsageKeyEncipherment,
	certificatesv1.UsageKeyAgreement:      x509.KeyUsageKeyAgreement,
	certificatesv1.UsageDataEncipherment:  x509.KeyUsageDataEncipherment,
	certificatesv1.UsageCertSign:          x509.KeyUsageCertSign,
	certificatesv1.UsageCRLSign:           x509.KeyUsageCRLSign,
	certificatesv1.UsageEncipherOnly:      x509.KeyUsageEncipherOnly,
	certificatesv1.UsageDecipherOnly:      x509.KeyUsageDecipherOnly,
}

var extendedKeyUsage = map[certificatesv1.KeyUsage]x509.ExtKeyUsage{
	certificatesv1.UsageAny:             x509.ExtKeyUsageAny,
	certificatesv1.UsageServerAuth:      x509.ExtKeyUsageServerAuth,
	certificatesv1.UsageClientAuth:      x509.ExtKeyUsageClientAuth,
	certificatesv1.UsageCodeSigning:     x509.ExtKeyUsageCodeSigning,
	certificatesv1.UsageEmailProtection: x509.ExtKeyUsageEmailProtection,
	certificatesv1.UsageSMIME:           x509.ExtKeyUsageEmailProtection,
	certificatesv1.UsageIPsecEndSystem:  x509.ExtKeyUsageIPSECEndSystem,
	certificatesv1.UsageIPsecTunnel:     x509.ExtKeyUsageIPSECTunnel,
	certificatesv1.UsageIPsecUser:       x509.ExtKeyUsageIPSECUser,
	certificatesv1.UsageTimestamping:    x509.ExtKeyUsageTimeStamping,
	certificatesv1.UsageOCSPSigning:     x509.ExtKeyUsageOCSPSigning,
	certificatesv1.UsageMicrosoftSGC:    x509.ExtKeyUsageMicrosoftServerGatedCrypto,
	certificatesv1.UsageNetscapeSGC:     x509.ExtKeyUsageNetscapeServerGatedCrypto,
}

func keyUsages(usages []certificatesv1.KeyUsage) (usage x509.KeyUsage, extended []x509.ExtKeyUsage, err error) {
	seen := map[x509.ExtKeyUsage]bool{}
	for _, u := range usages {
		plain, isPlain := keyUsage[u]
		more, isMore := extendedKeyUsage[u]
		switch {
		case isPlain:
			usage |= plain
		case isMore && !seen[more]:
			seen[more] = true
			extended = append(extended, more)
		case !isMore:
			return 0, nil, fmt.Errorf("unrecognized usage values: %q", []certificatesv1.KeyUsage{u})
		}
	}
	return usage, extended, nil
}
