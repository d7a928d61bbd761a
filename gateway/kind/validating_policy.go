package kind

import (
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatingPolicyKind() *Kind {
	type policy = registrationv1.ValidatingAdmissionPolicy
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "ValidatingAdmissionPolicy"), Resource: ValidatingPolicies.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(policy) },
		NewList:    func() runtime.Object { return new(registrationv1.ValidatingAdmissionPolicyList) },
		Default: on(func(p *policy) {
			setDefault(&p.Spec.FailurePolicy, ptr(registrationv1.Fail))
			defaultMatch(p.Spec.MatchConstraints)
		}),
		Prepare: prepares(func(p, old *policy) {
			if p.Status = (registrationv1.ValidatingAdmissionPolicyStatus{}); old != nil {
				p.Status = old.Status
			}
		}),
		Spec:     part(func(p *policy) any { return &p.Spec }),
		Validate: validates(validateValidatingPolicy),
		Columns: []Column{
			column("Validations", "integer", 0, func(p *policy, _ time.Time) any { return int64(len(p.Spec.Validations)) }),
			column("ParamKind", "string", 0, func(p *policy, _ time.Time) any { return shownParamKind(p.Spec.ParamKind) }),
		},
		Subresources: []Subresource{status(func(p, old *policy) { p.Spec = old.Spec }, validateValidatingPolicyStatus)},
	}
}

func shownParamKind(k *registrationv1.ParamKind) string {
	if k == nil {
		return "<unset>"
	}
	return k.APIVersion + "/" + k.Kind
}

func shownParamRef(r *registrationv1.ParamRef) string {
	switch {
	case r == nil:
		return "<unset>"
	case r.Namespace != "":
		return r.Namespace + "/" + r.Name
	case r.Name != "":
		return "*/" + r.Name
	}
	return "<unset>"
}

func validatingPolicyBindingKind() *Kind {
	type binding = registrationv1.ValidatingAdmissionPolicyBinding
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "ValidatingAdmissionPolicyBinding"), Resource: ValidatingPolicyBindings.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(binding) },
		NewList:    func() runtime.Object { return new(registrationv1.ValidatingAdmissionPolicyBindingList) },
		Default:    on(func(b *binding) { defaultMatch(b.Spec.MatchResources) }),
		Spec:       part(func(b *binding) any { return &b.Spec }),
		Validate: validates(func(b, _ *binding) field.ErrorList {
			errs := validateBindingSpec(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources)
			return append(errs, validateActions(b.Spec.ValidationActions, specPath.Child("validationActions"))...)
		}),
		Columns: []Column{
			column("PolicyName", "string", 0, func(b *binding, _ time.Time) any { return b.Spec.PolicyName }),
			column("ParamRef", "string", 0, func(b *binding, _ time.Time) any { return shownParamRef(b.Spec.ParamRef) }),
		},
	}
}
