// Package admission has the plugins that see every write after defaulting and before
// validation: they complete it from what the cluster holds, or refuse it.
package admission

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// Plugin completes or refuses writes.
type Plugin interface {
	Name() string
	// Admit may change obj, the request's object; old is what is stored, nil for a create; obj is nil
	// for a delete. For a subresource with a body of its own obj is that body. A refusal is
	// an apierrors status error.
	Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error
}

// Default is the plugins of every cluster, in their order.
func Default() []Plugin {
	return []Plugin{
		NamespaceLifecycle{}, NodeRestriction{}, TaintNodes{}, ServiceAccount{}, Priority{}, DefaultTolerations{},
	}
}

// creates is the object of T that the request creates.
func creates[T kind.Object](r *kind.Request, obj, old kind.Object) (T, bool) {
	var none T
	if obj == nil || old != nil || r.Subresource != "" {
		return none, false
	}
	t, ok := obj.(T)
	return t, ok
}

func forbid(r *kind.Request, name string, err error) error {
	gr := r.Kind.GroupVersionResource().GroupResource()
	return apierrors.NewForbidden(gr, name, err)
}
