package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// How long requests are kept: decided ones an hour, for their requesters to read, others a day.
const (
	keepDecided = time.Hour
	keepPending = 24 * time.Hour
)

// end is when a request is to be deleted, and why; zero if that depends on more than time. An approved
// request that another signer has not answered is kept.
func end(r *request) (ends time.Time, why string) {
	earlier := func(at time.Time, because string) {
		if ends.IsZero() || at.Before(ends) {
			ends, why = at, because
		}
	}
	if len(r.Status.Conditions) == 0 {
		earlier(r.CreationTimestamp.Add(keepPending), "not decided in a day")
	}
	issued := len(r.Status.Certificate) > 0
	for _, c := range r.Status.Conditions {
		at := c.LastUpdateTime.Add(keepDecided)
		switch {
		case c.LastUpdateTime.IsZero():
		case c.Type == certificatesv1.CertificateApproved && issued:
			earlier(at, "issued an hour ago")
		case c.Type == certificatesv1.CertificateDenied:
			earlier(at, "denied an hour ago")
		case c.Type == certificatesv1.CertificateFailed:
			earlier(at, "failed an hour ago")
		}
	}
	if block, _ := pem.Decode(r.Status.Certificate); block != nil && has(r, certificatesv1.CertificateApproved) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			earlier(c.NotAfter, "its certificate has expired")
		}
	}
	return ends, why
}
