package kind

import (
	"slices"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateBindingSpec(policy string, ref *registrationv1.ParamRef, match *registrationv1.MatchResources) (errs field.ErrorList) {
	at := specPath.Child("policyName")
	if policy == "" {
		errs = append(errs, field.Required(at, ""))
	}
	errs = append(errs, invalids(at, policy, subdomain(policy))...)
	errs = append(errs, validateParamRef(ref, specPath.Child("paramRef"))...)
	return append(errs, validateMatch(match, specPath.Child("matchResouces"))...) // as Kubernetes spells it
}

func validateParamRef(r *registrationv1.ParamRef, p *field.Path) (errs field.ErrorList) {
	if r == nil {
		return nil
	}
	const exclusive = "name and selector are mutually exclusive"
	if r.Name != "" {
		errs = append(errs, invalids(p.Child("name"), r.Name, PathName(r.Name, false))...)
		if r.Selector != nil {
			errs = append(errs, field.Forbidden(p.Child("name"), exclusive), field.Forbidden(p.Child("selector"), exclusive))
		}
	} else if r.Selector == nil {
		errs = append(errs, field.Required(p, "one of name or selector must be specified"))
	}
	errs = append(errs, validateSelector(r.Selector, p.Child("selector"))...)
	at := p.Child("parameterNotFoundAction")
	if r.ParameterNotFoundAction == nil || *r.ParameterNotFoundAction == "" {
		return append(errs, field.Required(at, ""))
	}
	return append(errs, oneOf(*r.ParameterNotFoundAction, at, registrationv1.AllowAction, registrationv1.DenyAction)...)
}

func validateActions(actions []registrationv1.ValidationAction, p *field.Path) (errs field.ErrorList) {
	for i, a := range actions {
		errs = append(errs, oneOfOrUnsupported(a, p.Index(i), registrationv1.Audit, registrationv1.Deny, registrationv1.Warn)...)
		if slices.Contains(actions[:i], a) {
			errs = append(errs, field.Duplicate(p.Index(i), a))
		}
	}
	if slices.Contains(actions, registrationv1.Deny) && slices.Contains(actions, registrationv1.Warn) {
		errs = append(errs, field.Invalid(p, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	if len(actions) == 0 {
		errs = append(errs, field.Required(p, ""))
	}
	return errs
}
