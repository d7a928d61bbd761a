package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/errs"
)

// StatusOf is the Status that an error is answered with.
func StatusOf(err error) *metav1.Status {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		return finished(&s)
	}
	var own *errs.Error
	if errors.As(err, &own) {
		return finished(&metav1.Status{Reason: metav1.StatusReason(own.Kind), Code: codeOf(own.Kind), Message: message(own)})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s := apierrors.NewTimeoutError("request did not complete within the allowed duration", 0).Status()
		return finished(&s)
	case errors.Is(err, context.Canceled):
		return finished(&metav1.Status{Reason: metav1.StatusReasonTimeout, Code: http.StatusGatewayTimeout, Message: "the request was canceled"})
	}
	s := apierrors.NewInternalError(err).Status()
	return finished(&s)
}

func finished(s *metav1.Status) *metav1.Status {
	s.Kind, s.APIVersion, s.Status = "Status", "v1", metav1.StatusFailure
	return s
}

func message(e *errs.Error) string {
	if e.Kind == errs.Unauthorized {
		return "Unauthorized"
	}
	return e.Error()
}

func codeOf(kind errs.Kind) int32 {
	switch kind {
	case errs.Conflict, errs.AlreadyExists:
		return http.StatusConflict
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.BadRequest:
		return http.StatusBadRequest
	case errs.Forbidden:
		return http.StatusForbidden
	case errs.Unauthorized:
		return http.StatusUnauthorized
	case errs.Expired:
		return http.StatusGone
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.TooManyRequests:
		return http.StatusTooManyRequests
	case errs.Timeout:
		return http.StatusGatewayTimeout
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func success(details *metav1.StatusDetails) *metav1.Status {
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess, Code: 0, Details: details,
	}
}

// errModified is Kubernetes' text for a lost race.
func errModified(gr schema.GroupResource, name string) error {
	return apierrors.NewConflict(gr, name, errors.New("the object has been modified; please apply your changes to the latest version and try again"))
}

func unsupportedMedia(got string, supported ...string) error {
	if supported == nil {
		supported = []string{contentJSON, contentYAML, contentProtobuf}
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: %s (got %q)",
			strings.Join(supported, ", "), got),
	}}
}

func notAcceptable() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "only the following media types are accepted: " + strings.Join([]string{contentJSON, contentYAML, contentProtobuf}, ", "),
	}}
}

func unknownResource() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource", Details: &metav1.StatusDetails{},
	}}
}
