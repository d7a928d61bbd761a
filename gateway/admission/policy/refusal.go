package policy

import (
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

var namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// forbidden is the 403 that a refusal begins as.
func forbidden(r *kind.Request, text string) *apierrors.StatusError {
	name := r.Name
	if name == "" {
		name = "Unknown"
	}
	return apierrors.NewForbidden(r.Kind.GroupVersionResource().GroupResource(), name, errors.New(text))
}

var codes = map[metav1.StatusReason]int32{
	metav1.StatusReasonForbidden: http.StatusForbidden, metav1.StatusReasonUnauthorized: http.StatusUnauthorized,
	metav1.StatusReasonRequestEntityTooLarge: http.StatusRequestEntityTooLarge,
}

// refusal is the answer, noted for the journal.
func (d *denial) refusal(r *kind.Request) error {
	text := fmt.Sprintf("ValidatingAdmissionPolicy '%s' denied request: %s", d.policy, d.message)
	if d.binding != "" {
		text = fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", d.policy, d.binding, d.message)
	}
	err := forbidden(r, text)
	err.ErrStatus.Reason, err.ErrStatus.Code = d.reason, codes[d.reason]
	if d.reason == "" {
		err.ErrStatus.Reason = metav1.StatusReasonInvalid
	}
	if err.ErrStatus.Code == 0 {
		err.ErrStatus.Code = http.StatusUnprocessableEntity
	}
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Message: text})
	r.Step(&eventv1.AdmissionStep{
		Plugin: "ValidatingAdmissionPolicy", Name: d.policy, Configuration: d.binding, Refused: true,
		Code: err.ErrStatus.Code, Message: err.ErrStatus.Message,
	})
	return err
}
