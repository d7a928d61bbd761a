package matching

import (
	"context"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Selectors are a namespace selector and an object selector, compiled. The zero value selects everything.
type Selectors struct {
	namespaces, objects labels.Selector
	// fault is why one of them does not compile.
	fault error
}

// NewSelectors compiles two selectors; nil selects everything.
func NewSelectors(namespaces, objects *metav1.LabelSelector) (s Selectors) {
	s.namespaces, s.fault = compiled(namespaces)
	if s.fault == nil {
		s.objects, s.fault = compiled(objects)
	}
	return s
}

// compiled is nil for a selector of everything.
func compiled(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil || len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 {
		return nil, nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// Match says whether a write's namespace and object are selected. The error is a Status.
func (s *Selectors) Match(ctx context.Context, r *kind.Request, op registrationv1.OperationType, obj, old kind.Object) (bool, error) {
	if s.fault != nil {
		return false, apierrors.NewInternalError(s.fault)
	}
	if s.namespaces != nil {
		if ok, err := s.matchNamespace(ctx, r, op, obj); !ok || err != nil {
			return false, err
		}
	}
	return s.objects == nil || hasLabels(s.objects, obj) || hasLabels(s.objects, old), nil
}

func hasLabels(s labels.Selector, obj kind.Object) bool {
	return obj != nil && s.Matches(labels.Set(obj.GetLabels()))
}

func (s *Selectors) matchNamespace(ctx context.Context, r *kind.Request, op registrationv1.OperationType, obj kind.Object) (bool, error) {
	name := Namespace(r)
	if name == "" { // what is in no namespace is not exempt from anything
		return true, nil
	}
	if r.Kind.SubjectResource() == subject.Namespaces && r.Subresource == "" && (op == registrationv1.Create || op == registrationv1.Update) {
		return s.namespaces.Matches(labels.Set(obj.GetLabels())), nil
	}
	namespace, err := FindNamespace(ctx, r, name)
	if err != nil {
		return false, err
	}
	return s.namespaces.Matches(labels.Set(namespace.GetLabels())), nil
}

// Namespace is a request's namespace; a namespace counts as in itself.
func Namespace(r *kind.Request) string {
	if r.Namespace == "" && r.Kind.SubjectResource() == subject.Namespaces {
		return r.Name
	}
	return r.Namespace
}

// fresh is a Reader that can be waited for.
type fresh interface {
	CatchUp(ctx context.Context, r subject.Resource) error
}

// FindNamespace is a namespace, which only an up-to-date Reader can lack. The error is a Status.
func FindNamespace(ctx context.Context, r *kind.Request, name string) (*corev1.Namespace, error) {
	obj, ok := r.Reader.Get(subject.Namespaces, "", name)
	if f, can := r.Reader.(fresh); !ok && can {
		if err := f.CatchUp(ctx, subject.Namespaces); err != nil {
			return nil, apierrors.NewServiceUnavailable(err.Error())
		}
		obj, ok = r.Reader.Get(subject.Namespaces, "", name)
	}
	if namespace, is := obj.(*corev1.Namespace); ok && is {
		return namespace, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
}
