package certificates

import (
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// askAgain is after how long a right that was refused is asked for again: it may have been given.
const askAgain = time.Minute

// right is a right that approves a request of whoever holds it.
type right struct{ subresource, message string }

var (
	rightSelf = right{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."}
	rightNode = right{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."}
)

// rights are those any of which approves a request: a node renews its own certificate, others get one for a node.
// No other request is approved without a person.
func rights(r *request) []right {
	asked, err := parse(r.Spec.Request)
	if err != nil || r.Spec.SignerName != signerKubelet || checkKubeletClient(asked, r.Spec.Usages) != nil {
		return nil
	}
	if r.Spec.Username == asked.Subject.CommonName {
		return []right{rightSelf, rightNode}
	}
	return []right{rightNode}
}

// approve asks the gateway for the requester's rights, and approves if one is held.
func approve(t process.Turn, r *request) process.Plan {
	asked := rights(r)
	if len(asked) == 0 {
		return process.Plan{}
	}
	plan := process.Plan{After: askAgain}
	for _, right := range asked {
		plan.Commands = append(plan.Commands, command.Create(subject.Object{Resource: reviews}, review(r, right), "may "+right.subresource))
	}
	plan.Then = func(answers []process.Answer) process.Plan {
		for i, a := range answers {
			if allowed(a.Result) {
				return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "approval", approved(r, asked[i]), asked[i].subresource+" is held")}}
			}
		}
		return process.Plan{}
	}
	return plan
}

func review(r *request, right right) *authorizationv1.SubjectAccessReview {
	spec := authorizationv1.SubjectAccessReviewSpec{
		User: r.Spec.Username, UID: r.Spec.UID, Groups: r.Spec.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "create", Group: requests.Group, Version: "*", Resource: requests.Name, Subresource: right.subresource,
		},
	}
	for key, values := range r.Spec.Extra {
		if spec.Extra == nil {
			spec.Extra = map[string]authorizationv1.ExtraValue{}
		}
		spec.Extra[key] = authorizationv1.ExtraValue(values)
	}
	return &authorizationv1.SubjectAccessReview{Spec: spec}
}

// allowed reads the answer to a review; what cannot be read allows nothing.
func allowed(result *commandv1.Result) bool {
	var answer authorizationv1.SubjectAccessReview
	return answer.Unmarshal(result.GetObject()) == nil && answer.Status.Allowed && !answer.Status.Denied
}

func approved(r *request, right right) *request {
	next := r.DeepCopy()
	next.Status.Conditions = append(next.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: right.message,
	})
	return next
}
