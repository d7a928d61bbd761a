package kind

import (
	"strings"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/expression"
)

func mutatingPolicyKind() *Kind {
	type policy = registrationv1.MutatingAdmissionPolicy
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "MutatingAdmissionPolicy"), Resource: MutatingPolicies.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(policy) },
		NewList:    func() runtime.Object { return new(registrationv1.MutatingAdmissionPolicyList) },
		Default: on(func(p *policy) {
			setDefault(&p.Spec.FailurePolicy, ptr(registrationv1.Fail))
			setDefault(&p.Spec.ReinvocationPolicy, registrationv1.NeverReinvocationPolicy)
			defaultMatch(p.Spec.MatchConstraints)
		}),
		Spec:     part(func(p *policy) any { return &p.Spec }),
		Validate: validates(validateMutatingPolicy),
		Columns: []Column{
			column("Mutations", "integer", 0, func(p *policy, _ time.Time) any { return int64(len(p.Spec.Mutations)) }),
			column("ParamKind", "string", 0, func(p *policy, _ time.Time) any { return shownParamKind(p.Spec.ParamKind) }),
		},
	}
}

func mutatingPolicyBindingKind() *Kind {
	type binding = registrationv1.MutatingAdmissionPolicyBinding
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "MutatingAdmissionPolicyBinding"), Resource: MutatingPolicyBindings.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(binding) },
		NewList:    func() runtime.Object { return new(registrationv1.MutatingAdmissionPolicyBindingList) },
		Default:    on(func(b *binding) { defaultMatch(b.Spec.MatchResources) }),
		Spec:       part(func(b *binding) any { return &b.Spec }),
		Validate: validates(func(b, _ *binding) field.ErrorList {
			return validateBindingSpec(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources)
		}),
		Columns: []Column{
			column("PolicyName", "string", 0, func(b *binding, _ time.Time) any { return b.Spec.PolicyName }),
			column("ParamRef", "string", 0, func(b *binding, _ time.Time) any { return shownParamRef(b.Spec.ParamRef) }),
		},
	}
}

func validateMutatingPolicy(p, old *registrationv1.MutatingAdmissionPolicy) (errs field.ErrorList) {
	known := written{}
	if old != nil {
		known.addConditions(old.Spec.MatchConditions)
		known.addVariables(old.Spec.Variables)
		for i := range old.Spec.Mutations {
			known[mutationText(&old.Spec.Mutations[i])] = true
		}
	}
	s := &p.Spec
	errs = validatePolicyHead(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, known)
	compile := newPolicyExpressions(s.ParamKind, true, known)
	for i := range s.Variables {
		errs = append(errs, compile.variable(&s.Variables[i], specPath.Child("variables").Index(i))...)
	}
	if len(s.Mutations) == 0 {
		errs = append(errs, field.Required(specPath.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range s.Mutations {
		errs = append(errs, validateMutation(&s.Mutations[i], compile, specPath.Child("mutations").Index(i))...)
	}
	return append(errs, oneOf(s.ReinvocationPolicy, specPath.Child("reinvocationPolicy"),
		registrationv1.IfNeededReinvocationPolicy, registrationv1.NeverReinvocationPolicy)...)
}

func mutationText(m *registrationv1.Mutation) string {
	switch {
	case m.ApplyConfiguration != nil:
		return m.ApplyConfiguration.Expression
	case m.JSONPatch != nil:
		return m.JSONPatch.Expression
	}
	return ""
}

func validateMutation(m *registrationv1.Mutation, compile *policyExpressions, p *field.Path) (errs field.ErrorList) {
	errs = oneOf(m.PatchType, p.Child("patchType"), registrationv1.PatchTypeApplyConfiguration, registrationv1.PatchTypeJSONPatch)
	if len(errs) > 0 {
		return errs
	}
	wanted, other, result := p.Child("applyConfiguration"), p.Child("jsonPatch"), expression.Configuration
	missing, extra := m.ApplyConfiguration == nil, m.JSONPatch != nil
	if m.PatchType == registrationv1.PatchTypeJSONPatch {
		wanted, other, result = other, wanted, expression.Patch
		missing, extra = m.JSONPatch == nil, m.ApplyConfiguration != nil
	}
	if extra {
		errs = append(errs, field.Forbidden(other, "may not be specified when patchType is "+string(m.PatchType)))
	}
	if missing {
		return append(errs, field.Required(wanted, "must be specified when patchType is "+string(m.PatchType)))
	}
	var text string
	if m.PatchType == registrationv1.PatchTypeJSONPatch {
		text = m.JSONPatch.Expression
	} else {
		text = m.ApplyConfiguration.Expression
	}
	if strings.TrimSpace(text) == "" {
		return append(errs, field.Required(wanted.Child("expression"), "expression is not specified"))
	}
	return append(errs, compile.check(text, true, wanted.Child("expression"), result)...)
}
