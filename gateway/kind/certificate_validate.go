package kind

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// legacySigner signed what named no signer, in versions that are gone.
const legacySigner = "kubernetes.io/legacy-unknown"

// keyUsages are all usages of keys, in their order in complaints.
var keyUsages = []certificatesv1.KeyUsage{
	certificatesv1.UsageAny, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
	certificatesv1.UsageContentCommitment, certificatesv1.UsageCRLSign, certificatesv1.UsageDataEncipherment, certificatesv1.UsageDecipherOnly,
	certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection, certificatesv1.UsageEncipherOnly,
	certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser, certificatesv1.UsageKeyAgreement,
	certificatesv1.UsageKeyEncipherment, certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC, certificatesv1.UsageOCSPSigning,
	certificatesv1.UsageSMIME, certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
}

// validateCertificateRequest is of everything but approval and issuance, which are subresources'.
func validateCertificateRequest(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return validateRequestOf(r, old, false, false)
}

func validateIssuance(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return validateRequestOf(r, old, false, true)
}

func validateApproval(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return validateRequestOf(r, old, true, false)
}

func validateRequestOf(r, old *certificatesv1.CertificateSigningRequest, approves, issues bool) (errs field.ErrorList) {
	errs = validateRequestSpec(&r.Spec)
	errs = append(errs, validateRequestConditions(r.Status.Conditions, statusPath.Child("conditions"))...)
	certificate := statusPath.Child("certificate")
	same := old != nil && bytes.Equal(r.Status.Certificate, old.Status.Certificate)
	if !same {
		if err := checkCertificates(r.Status.Certificate); err != nil {
			errs = append(errs, field.Invalid(certificate, "<certificate data>", err.Error()))
		}
	}
	if old == nil {
		return errs
	}
	errs = append(errs, validateConditionsUpdate(r, old, approves)...)
	switch {
	case same:
	case !issues:
		errs = append(errs, field.Forbidden(certificate, "updates may not set certificate content"))
	case len(old.Status.Certificate) > 0:
		errs = append(errs, field.Forbidden(certificate, "updates may not modify existing certificate content"))
	}
	return errs
}

func validateRequestSpec(s *certificatesv1.CertificateSigningRequestSpec) (errs field.ErrorList) {
	if err := checkRequest(s.Request); err != nil {
		errs = append(errs, field.Invalid(specPath.Child("request"), s.Request, err.Error()))
	}
	usages := specPath.Child("usages")
	if len(s.Usages) == 0 {
		errs = append(errs, field.Required(usages, ""))
	}
	for i, u := range s.Usages {
		if !slices.Contains(keyUsages, u) {
			errs = append(errs, field.NotSupported(usages.Index(i), u, keyUsages))
		}
		if slices.Contains(s.Usages[:i], u) {
			errs = append(errs, field.Duplicate(usages.Index(i), u))
		}
	}
	signer := specPath.Child("signerName")
	if s.SignerName == legacySigner {
		errs = append(errs, field.Invalid(signer, s.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, validateSignerName(s.SignerName, signer)...)
	}
	if n := s.ExpirationSeconds; n != nil && *n < 600 {
		errs = append(errs, field.Invalid(specPath.Child("expirationSeconds"), *n, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return errs
}

// checkRequest checks that a request is one of PKCS#10, in PEM, and signed by its key.
func checkRequest(text []byte) error {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	return r.CheckSignature()
}

// checkCertificates checks one or more certificates in PEM; nothing is fine.
func checkCertificates(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	for n := 0; ; n++ {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && n == 0:
			return errors.New("must contain at least one CERTIFICATE PEM block")
		case block == nil:
			return nil
		case block.Type != "CERTIFICATE":
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		case len(block.Headers) != 0:
			return errors.New("no PEM block headers are permitted")
		}
		all, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return errors.New("found CERTIFICATE PEM block containing 0 certificates")
		}
		text = rest
	}
}

func validateRequestConditions(conditions []certificatesv1.CertificateSigningRequestCondition, p *field.Path) (errs field.ErrorList) {
	seen := make(map[certificatesv1.RequestConditionType]bool, len(conditions))
	for i, c := range conditions {
		at := p.Index(i)
		if c.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		switch c.Type {
		case certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			errs = append(errs, oneOf(c.Status, at.Child("status"), corev1.ConditionTrue)...)
		default:
			errs = append(errs, oneOf(c.Status, at.Child("status"), corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
		}
		if c.Type == certificatesv1.CertificateApproved && seen[certificatesv1.CertificateDenied] ||
			c.Type == certificatesv1.CertificateDenied && seen[certificatesv1.CertificateApproved] {
			errs = append(errs, field.Invalid(p, c.Type, "Approved and Denied conditions are mutually exclusive"))
		}
		if seen[c.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), c.Type))
		}
		seen[c.Type] = true
	}
	return errs
}

// validateConditionsUpdate keeps the conditions that decide a request; only an approval adds or changes them.
func validateConditionsUpdate(r, old *certificatesv1.CertificateSigningRequest, approves bool) (errs field.ErrorList) {
	at := statusPath.Child("conditions")
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed} {
		now, was := conditionsOf(r, t), conditionsOf(old, t)
		switch {
		case len(now) < len(was):
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("updates may not remove a condition of type %q", t)))
		case approves || t == certificatesv1.CertificateFailed:
		case len(now) > len(was):
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("updates may not add a condition of type %q", t)))
		case !equality.Semantic.DeepEqual(now, was):
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("updates may not modify a condition of type %q\n%v", t, diff.Diff(was, now))))
		}
	}
	return errs
}
