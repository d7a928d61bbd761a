package admission

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// NamespaceLifecycle lets objects be created only in namespaces that exist and are not
// on their way out, and protects the namespaces that every cluster has.
type NamespaceLifecycle struct{}

var _ Plugin = NamespaceLifecycle{}

// Name is the plugin's.
func (NamespaceLifecycle) Name() string { return "NamespaceLifecycle" }

// Admit refuses objects without a living namespace.
func (NamespaceLifecycle) Admit(_ context.Context, r *kind.Request, obj, old kind.Object) error {
	if r.Kind.SubjectResource() == subject.Namespaces {
		return keepNamespace(r, obj)
	}
	if !r.Kind.Namespaced || r.Kind.Review != nil || obj == nil || old != nil || r.Subresource != "" {
		return nil
	}
	found, ok := r.Reader.Get(subject.Namespaces, "", r.Namespace)
	if !ok {
		return apierrors.NewNotFound(corev1.Resource("namespaces"), r.Namespace)
	}
	ns := found.(*corev1.Namespace)
	if ns.DeletionTimestamp == nil && ns.Status.Phase != corev1.NamespaceTerminating {
		return nil
	}
	err := apierrors.NewForbidden(r.Kind.GroupVersionResource().GroupResource(), obj.GetName(),
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", r.Namespace))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    corev1.NamespaceTerminatingCause,
		Message: fmt.Sprintf("namespace %s is being terminated", r.Namespace),
		Field:   "metadata.namespace",
	})
	return err
}

func keepNamespace(r *kind.Request, obj kind.Object) error {
	if obj != nil || r.Subresource != "" {
		return nil
	}
	switch r.Name {
	case metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic:
		return forbid(r, r.Name, errors.New("this namespace may not be deleted"))
	}
	return nil
}
