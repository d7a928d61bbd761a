// Package policy refuses and changes writes by rules that users wrote as CEL expressions.
package policy

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest/ownership"
)

// Config of Policies.
type Config struct {
	// Objects has the policies and bindings.
	Objects kind.Reader
	// Kinds are those of which parameters can be.
	Kinds []*kind.Kind
	// Authorize answers expressions that ask for permissions.
	Authorize access.Authorize
	Metrics   prometheus.Registerer
}

// Policies are all policies. They are safe for concurrent use.
type Policies struct {
	config               Config
	kinds                map[schema.GroupVersionKind]*kind.Kind
	mutators, validators matching.Cache[set]
	metrics              *metrics
	schemas              func() managedfields.TypeConverter
}

// New makes Policies. They have to be told of changes: see Watches and Changed.
func New(c Config) *Policies {
	p := &Policies{config: c, kinds: map[schema.GroupVersionKind]*kind.Kind{}, metrics: newMetrics(c.Metrics), schemas: ownership.Schemas}
	for _, k := range c.Kinds {
		p.kinds[k.GroupVersionKind] = k
	}
	p.mutators.Build = func(old *set) *set { return build(c.Objects, kind.MutatingPolicies, kind.MutatingPolicyBindings, old) }
	p.validators.Build = func(old *set) *set {
		return build(c.Objects, kind.ValidatingPolicies, kind.ValidatingPolicyBindings, old)
	}
	return p
}

// Watches are the resources whose changes Changed wants to be told of.
func (p *Policies) Watches(r subject.Resource) bool {
	switch r {
	case kind.MutatingPolicies, kind.MutatingPolicyBindings, kind.ValidatingPolicies, kind.ValidatingPolicyBindings:
		return true
	}
	return false
}

// Changed is told of a change of a policy or a binding.
func (p *Policies) Changed(o subject.Object) {
	if o.Resource == kind.MutatingPolicies || o.Resource == kind.MutatingPolicyBindings {
		p.mutators.Changed(o)
	} else {
		p.validators.Changed(o)
	}
}

// Mutating is the plugin of policies that change objects.
func (p *Policies) Mutating() admission.Plugin { return mutatingPlugin{p} }

// Validating is the plugin of policies that refuse.
func (p *Policies) Validating() admission.Plugin { return validatingPlugin{p} }
