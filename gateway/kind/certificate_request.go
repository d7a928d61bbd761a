package kind

import (
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// certificateRequestKind is requests for certificates. Who asks is written into them by admission, which knows it.
func certificateRequestKind() *Kind {
	type request = certificatesv1.CertificateSigningRequest
	return &Kind{
		GroupVersionKind: gvk(certificatesv1.GroupName, "v1", "CertificateSigningRequest"), Resource: "certificatesigningrequests", ShortNames: []string{"csr"},
		NameRule: PathName,
		New:      func() Object { return new(request) },
		NewList:  func() runtime.Object { return new(certificatesv1.CertificateSigningRequestList) },
		Prepare: prepares(func(r, old *request) {
			if r.Status = (certificatesv1.CertificateSigningRequestStatus{}); old != nil {
				r.Spec, r.Status = old.Spec, old.Status
			}
		}),
		Validate:         validates(validateCertificateRequest),
		SelectableFields: []string{"spec.signerName"},
		Selectable: labels(func(r *request) map[string]string {
			return map[string]string{"spec.signerName": r.Spec.SignerName}
		}),
		Columns: []Column{
			ageColumn,
			text("SignerName", func(r *request) string { return orElse(r.Spec.SignerName, "<none>") }),
			text("Requestor", func(r *request) string { return r.Spec.Username }),
			text("RequestedDuration", func(r *request) string {
				if r.Spec.ExpirationSeconds == nil {
					return "<none>"
				}
				return duration.HumanDuration(time.Duration(*r.Spec.ExpirationSeconds) * time.Second)
			}),
			text("Condition", requestState),
		},
		Subresources: []Subresource{
			status(func(r, old *request) {
				r.Spec = old.Spec
				for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
					if !keepConditions(r, old, t) {
						return // validation says so
					}
				}
				stampConditions(r, old)
			}, validateIssuance),
			{
				Name: "approval", Verbs: []string{"get", "patch", "update"},
				Prepare: prepares(func(r, old *request) {
					r.Spec, r.Status.Certificate = old.Spec, old.Status.Certificate
					stampConditions(r, old)
				}),
				Validate: validates(validateApproval),
			},
		},
	}
}

func requestState(r *certificatesv1.CertificateSigningRequest) string {
	has := func(t certificatesv1.RequestConditionType) bool { return len(conditionsOf(r, t)) > 0 }
	state := "Pending"
	if has(certificatesv1.CertificateDenied) {
		state = "Denied"
	} else if has(certificatesv1.CertificateApproved) {
		state = "Approved"
	}
	if has(certificatesv1.CertificateFailed) {
		state += ",Failed"
	}
	if len(r.Status.Certificate) > 0 {
		state += ",Issued"
	}
	return state
}

func conditionsOf(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) (all []certificatesv1.CertificateSigningRequestCondition) {
	for _, c := range r.Status.Conditions {
		if c.Type == t {
			all = append(all, c)
		}
	}
	return all
}

// keepConditions gives conditions of a type their old values, unless there are more or fewer of them than before.
func keepConditions(r, old *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) bool {
	was := conditionsOf(old, t)
	if len(was) != len(conditionsOf(r, t)) {
		return false
	}
	for i := range r.Status.Conditions {
		if r.Status.Conditions[i].Type == t {
			r.Status.Conditions[i], was = was[0], was[1:]
		}
	}
	return true
}

// stampConditions gives conditions the times that they lack: of the write, or of when they last changed.
func stampConditions(r, old *certificatesv1.CertificateSigningRequest) {
	now := lastWritten(r)
	if now == nil {
		now = new(metav1.Time)
	}
	for i := range r.Status.Conditions {
		c := &r.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = *now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = *now
		same := func(o certificatesv1.CertificateSigningRequestCondition) bool {
			return o.Type == c.Type && o.Status == c.Status && !o.LastTransitionTime.IsZero()
		}
		if n := slices.IndexFunc(old.Status.Conditions, same); n >= 0 {
			c.LastTransitionTime = old.Status.Conditions[n].LastTransitionTime
		}
	}
}
