// Package admission has the plugins that see every write after defaulting and before
// validation: they complete it from what the cluster holds, or refuse it.
package admission

import (
	"context"

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

// Default is the plugins that every gateway has, in their order: the later see what the earlier completed.
func Default() []Plugin {
	return []Plugin{
		NamespaceLifecycle{}, TaintNodesByCondition{}, NodeRestriction{}, ServiceAccount{}, Priority{}, DefaultTolerationSeconds{},
		CertificateRequester{},
	}
}
