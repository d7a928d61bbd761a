package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// NamespaceLifecycle lets nothing be created in a namespace that is missing or on its way out, and keeps the
// namespaces that a cluster cannot do without.
type NamespaceLifecycle struct{}

// Name is the plugin's.
func (NamespaceLifecycle) Name() string { return "NamespaceLifecycle" }

// Admit refuses a create in a namespace that cannot take it, and the deletion of the
// cluster's own namespaces.
func (NamespaceLifecycle) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	if obj == nil {
		if namespace, ok := old.(*corev1.Namespace); ok && isImmortal(namespace.Name) {
			return refuse(q, "this namespace may not be deleted")
		}
		return nil
	}
	if old != nil || q.Namespace == "" {
		return nil
	}
	found, ok, err := find(ctx, q, subject.Namespaces, "", q.Namespace)
	if ok && isTerminating(found) {
		// It may be gone, and another have its name.
		found, ok, err = findAgain(ctx, q, subject.Namespaces, "", q.Namespace)
	}
	switch {
	case err != nil:
		return err
	case !ok:
		return apierrors.NewNotFound(corev1.Resource("namespaces"), q.Namespace)
	case isTerminating(found):
		return terminating(q)
	}
	return nil
}

func isImmortal(name string) bool {
	return name == metav1.NamespaceDefault || name == metav1.NamespaceSystem || name == metav1.NamespacePublic
}

func isTerminating(namespace kind.Object) bool {
	n, ok := namespace.(*corev1.Namespace)
	return ok && n.Status.Phase == corev1.NamespaceTerminating
}

// terminating is the refusal with the cause by which clients know it.
func terminating(q *kind.Request) error {
	err := refuse(q, "unable to create new content in namespace %s because it is being terminated", q.Namespace)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    corev1.NamespaceTerminatingCause,
		Message: "namespace " + q.Namespace + " is being terminated",
		Field:   "metadata.namespace",
	})
	return err
}
