package policy

import (
	registrationv1 "k8s.io/api/admissionregistration/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// set is the policies of one type that have bindings, by name.
type set struct {
	policies []bound
	// rules and bindings are what was compiled, by what it was compiled of.
	rules    map[matching.Version]*policy
	bindings map[matching.Version]*binding
}

// bound is a policy and its bindings, by name.
type bound struct {
	*policy
	bindings []*binding
}

// binding is a compiled binding. It does not change.
type binding struct {
	name, policy string
	match        *match
	params       *registrationv1.ParamRef
	actions      []registrationv1.ValidationAction
}

// match is what a policy or a binding is about.
type match struct {
	rules, excluded []registrationv1.NamedRuleWithOperations
	selectors       matching.Selectors
}

func newMatch(m *registrationv1.MatchResources) *match {
	if m == nil {
		return nil
	}
	return &match{m.ResourceRules, m.ExcludeResourceRules, matching.NewSelectors(m.NamespaceSelector, m.ObjectSelector)}
}

// about says whether the rules are about a request; a nil match is about all.
func (m *match) about(op registrationv1.OperationType, r *kind.Request) bool {
	if m == nil {
		return true
	}
	for i := range m.excluded {
		if matching.MatchesNamed(&m.excluded[i], op, r) {
			return false
		}
	}
	for i := range m.rules {
		if matching.MatchesNamed(&m.rules[i], op, r) {
			return true
		}
	}
	return len(m.rules) == 0
}

func newBinding(obj kind.Object) *binding {
	switch b := obj.(type) {
	case *registrationv1.ValidatingAdmissionPolicyBinding:
		return &binding{b.Name, b.Spec.PolicyName, newMatch(b.Spec.MatchResources), b.Spec.ParamRef, b.Spec.ValidationActions}
	case *registrationv1.MutatingAdmissionPolicyBinding:
		return &binding{b.Name, b.Spec.PolicyName, newMatch(b.Spec.MatchResources), b.Spec.ParamRef, nil}
	}
	return &binding{}
}

// build compiles the policies and bindings that changed.
func build(objects kind.Reader, policies, bindings subject.Resource, old *set) *set {
	now := &set{}
	if old == nil {
		old = &set{}
	}
	var all []*binding
	now.bindings, all = compiled(objects.List(bindings, ""), old.bindings, newBinding)
	of := map[string][]*binding{}
	for _, b := range all {
		of[b.policy] = append(of[b.policy], b)
	}
	var rules []*policy
	now.rules, rules = compiled(objects.List(policies, ""), old.rules, newPolicy)
	for _, p := range rules {
		if list := of[p.name]; len(list) > 0 {
			now.policies = append(now.policies, bound{p, list})
		}
	}
	return now
}

// compiled is what is compiled of objects, in their order; what was compiled of the same version is taken from old.
func compiled[T any](objects []kind.Object, old map[matching.Version]*T, compile func(kind.Object) *T) (map[matching.Version]*T, []*T) {
	of, all := make(map[matching.Version]*T, len(objects)), make([]*T, 0, len(objects))
	for _, obj := range objects {
		v := matching.Version{UID: string(obj.GetUID()), ResourceVersion: obj.GetResourceVersion(), Name: obj.GetName()}
		have := old[v]
		if have == nil {
			have = compile(obj)
		}
		of[v] = have
		all = append(all, have)
	}
	return of, all
}
