// Package admission has the plugins that see every write: they complete it from what the cluster
// holds, or refuse it.
package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/kind"
)

// Plugin completes or refuses writes. It may have more to say at other moments: see Validator,
// Connector and Charger.
type Plugin interface {
	Name() string
	// Admit may change obj, the request's object; old is what is stored, nil for a create; obj is nil
	// for a delete. For a subresource with a body of its own obj is that body. It runs after defaulting and before
	// validation, again after a lost race. A refusal is an apierrors status error.
	Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error
}

// Validator judges what a write ends as: after every plugin, and after the kind has prepared and
// validated it. It changes neither obj nor old.
type Validator interface {
	Plugin
	Validate(ctx context.Context, r *kind.Request, obj, old kind.Object) error
}

// Connector judges a connection to a pod, a service or a node before it is made.
type Connector interface {
	Plugin
	// Connect gets the connection's options, a PodExecOptions for pods/exec and so on.
	Connect(ctx context.Context, r *kind.Request, options runtime.Object) error
}

// Charger takes part in what a write appends.
type Charger interface {
	Plugin
	// Lane names what creates contend for; those of one lane are decided one after the other, once they are admitted. Empty for none.
	Lane(r *kind.Request) string
	// Charge may add companion writes to tx, or refuse. It is called for every attempt, last before the append.
	Charge(ctx context.Context, r *kind.Request, tx kind.Tx, obj, old kind.Object) error
}

// Default is the plugins that every gateway has, in their order: the later see what the earlier completed.
func Default() []Plugin {
	return []Plugin{
		NamespaceLifecycle{}, TaintNodesByCondition{}, NodeRestriction{}, LimitRanger{}, ServiceAccount{}, NewPodSecurity(), Priority{},
		DefaultTolerationSeconds{}, DefaultStorageClass{}, StorageObjectInUseProtection{}, PersistentVolumeClaimResize{}, RuntimeClass{},
		CertificateRequester{}, CertificateSubjectRestriction{}, DefaultIngressClass{}, DeviceAdminAccess{}, ResourceQuota{},
	}
}
