package admission

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// refuse is the 403 that a request is answered with: `pods "web" is forbidden: ` and the reason.
func refuse(q *kind.Request, format string, args ...any) *apierrors.StatusError {
	name := q.Name
	if name == "" {
		name = "Unknown"
	}
	return apierrors.NewForbidden(q.Kind.GroupVersionResource().GroupResource(), name, fmt.Errorf(format, args...))
}

// created is the object of T that a request makes; a create on a subresource makes none.
func created[T kind.Object](q *kind.Request, obj, old kind.Object) (T, bool) {
	if obj == nil || old != nil || q.Subresource != "" {
		var none T
		return none, false
	}
	t, ok := obj.(T)
	return t, ok
}

// written is the object of T that a request makes or replaces, not through a subresource.
func written[T kind.Object](q *kind.Request, obj kind.Object) (T, bool) {
	t, ok := obj.(T)
	return t, ok && q.Subresource == ""
}
