package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

type request = certificatesv1.CertificateSigningRequest

// decide is one turn of one request: it is deleted, signed, approved or left to a person. Of a request
// that is left, the time of its deletion is waited for.
func (s *state) decide(t process.Turn) process.Plan {
	r := s.requests.Get("", t.Key.Name)
	if r == nil || r.DeletionTimestamp != nil {
		return process.Plan{}
	}
	ends, why := end(r)
	if !ends.IsZero() && !t.Now.Before(ends) {
		return process.Plan{Commands: []*commandv1.Command{command.Delete(t.Key, string(r.UID), why)}}
	}
	var plan process.Plan
	switch {
	case len(r.Status.Certificate) > 0 || has(r, certificatesv1.CertificateDenied) || has(r, certificatesv1.CertificateFailed):
	case has(r, certificatesv1.CertificateApproved):
		plan = s.issue(t, r)
	default:
		plan = approve(t, r)
	}
	// Time that is left is whole seconds, and no less than one: what is due has been dealt with.
	if left := ends.Sub(t.Now); !ends.IsZero() && (plan.After == 0 || left < plan.After) {
		plan.After = left
	}
	return plan
}

// issue signs an approved request, or says why not; other signers' are theirs.
func (s *state) issue(t process.Turn, r *request) process.Plan {
	if s.authority == nil || !ours(r.Spec.SignerName) {
		return process.Plan{}
	}
	asked, err := parse(r.Spec.Request)
	if err == nil {
		err = check(r.Spec.SignerName, asked, r.Spec.Usages)
	}
	if err != nil {
		return fail(t, r, "SignerValidationFailure", err)
	}
	next := r.DeepCopy()
	if next.Status.Certificate, err = s.authority.issue(r, asked, t.Now); err != nil {
		return fail(t, r, "SigningFailure", err)
	}
	return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "status", next, "approved and signed")}}
}

// fail says on a request why it is not signed, for good.
func fail(t process.Turn, r *request, reason string, err error) process.Plan {
	next := r.DeepCopy()
	next.Status.Conditions = append(next.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: reason, Message: err.Error(),
	})
	return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "status", next, err.Error())}}
}

// has says whether a condition holds.
func has(r *request, t certificatesv1.RequestConditionType) bool {
	for _, c := range r.Status.Conditions {
		if c.Type == t && c.Status != corev1.ConditionFalse {
			return true
		}
	}
	return false
}
