package kind

import (
	"fmt"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/expression"
)

// Kubernetes' bounds.
const (
	maxAuditAnnotations          = 20
	maxAnnotationExpressionBytes = 5 << 10
)

func (w written) addVariables(list []registrationv1.Variable) {
	for i := range list {
		w[list[i].Expression] = true
	}
}

func (w written) addValidating(p *registrationv1.ValidatingAdmissionPolicy) {
	w.addConditions(p.Spec.MatchConditions)
	w.addVariables(p.Spec.Variables)
	for _, v := range p.Spec.Validations {
		w[v.Expression], w[v.MessageExpression] = true, true
	}
	for _, a := range p.Spec.AuditAnnotations {
		w[a.ValueExpression] = true
	}
}

// validatePolicyHead checks what validating and mutating policies have in common.
func validatePolicyHead(failure *registrationv1.FailurePolicyType, params *registrationv1.ParamKind, match *registrationv1.MatchResources,
	conditions []registrationv1.MatchCondition, known written,
) (errs field.ErrorList) {
	if failure == nil {
		errs = append(errs, field.Required(specPath.Child("failurePolicy"), ""))
	} else {
		errs = append(errs, oneOfOrUnsupported(*failure, specPath.Child("failurePolicy"), registrationv1.Fail, registrationv1.Ignore)...)
	}
	if params != nil {
		errs = append(errs, validateParamKind(params, specPath.Child("paramKind"))...)
	}
	at := specPath.Child("matchConstraints")
	if match == nil {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, validateMatch(match, at)...)
		if len(match.ResourceRules) == 0 {
			errs = append(errs, field.Required(at.Child("resourceRules"), ""))
		}
	}
	return append(errs, validateMatchConditions(conditions, params != nil, known, specPath.Child("matchConditions"))...)
}

func validateParamKind(k *registrationv1.ParamKind, p *field.Path) (errs field.ErrorList) {
	at := p.Child("apiVersion")
	gv, err := schema.ParseGroupVersion(k.APIVersion)
	switch {
	case k.APIVersion == "":
		errs = append(errs, field.Required(at, ""))
	case err != nil:
		errs = append(errs, field.Invalid(at, k.APIVersion, err.Error()))
	default:
		if bad := subdomain(gv.Group); gv.Group != "" && len(bad) > 0 {
			errs = append(errs, field.Invalid(at, gv.Group, strings.Join(bad, ",")))
		}
		if bad := dns1035(gv.Version); gv.Version == "" {
			errs = append(errs, field.Invalid(at, k.APIVersion, "version must be specified"))
		} else if len(bad) > 0 {
			errs = append(errs, field.Invalid(at, gv.Version, strings.Join(bad, ",")))
		}
	}
	if bad := dns1035(strings.ToLower(k.Kind)); k.Kind == "" {
		errs = append(errs, field.Required(p.Child("kind"), ""))
	} else if len(bad) > 0 {
		errs = append(errs, field.Invalid(p.Child("kind"), k.Kind, "may have mixed case, but should otherwise match: "+strings.Join(bad, ",")))
	}
	return errs
}

func validateValidatingPolicy(p, old *registrationv1.ValidatingAdmissionPolicy) (errs field.ErrorList) {
	known := written{}
	if old != nil {
		known.addValidating(old)
	}
	s := &p.Spec
	errs = validatePolicyHead(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, known)
	compile := newPolicyExpressions(s.ParamKind, false, known)
	for i := range s.Variables {
		errs = append(errs, compile.variable(&s.Variables[i], specPath.Child("variables").Index(i))...)
	}
	validations, annotations := specPath.Child("validations"), specPath.Child("auditAnnotations")
	if len(s.Validations) == 0 && len(s.AuditAnnotations) == 0 {
		const text = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(validations, text), field.Required(annotations, text))
	}
	for i := range s.Validations {
		errs = append(errs, validateValidation(&s.Validations[i], compile, validations.Index(i))...)
	}
	if len(s.AuditAnnotations) > maxAuditAnnotations {
		errs = append(errs, field.Invalid(annotations, s.AuditAnnotations, fmt.Sprintf("must not have more than %d auditAnnotations", maxAuditAnnotations)))
	}
	seen := map[string]bool{}
	for i := range s.AuditAnnotations {
		a := &s.AuditAnnotations[i]
		errs = append(errs, validateAuditAnnotation(p.Name, a, compile, annotations.Index(i))...)
		if seen[a.Key] {
			errs = append(errs, field.Duplicate(annotations.Index(i).Child("key"), a.Key))
		}
		seen[a.Key] = true
	}
	return errs
}

func validateValidation(v *registrationv1.Validation, compile *policyExpressions, p *field.Path) (errs field.ErrorList) {
	if strings.TrimSpace(v.Expression) == "" {
		errs = append(errs, field.Required(p.Child("expression"), "expression is not specified"))
	} else {
		errs = append(errs, compile.check(v.Expression, true, p.Child("expression"), expression.Bool)...)
	}
	switch trimmed := strings.TrimSpace(v.MessageExpression); {
	case v.MessageExpression == "":
	case trimmed == "":
		errs = append(errs, field.Invalid(p.Child("messageExpression"), v.MessageExpression, "must be non-empty if specified"))
	default:
		errs = append(errs, compile.check(v.MessageExpression, false, p.Child("messageExpression"), expression.String)...)
	}
	message := strings.TrimSpace(v.Message)
	switch {
	case v.Message != "" && message == "":
		errs = append(errs, field.Invalid(p.Child("message"), v.Message, "message must be non-empty if specified"))
	case strings.ContainsAny(message, "\n\r"):
		errs = append(errs, field.Invalid(p.Child("message"), v.Message, "message must not contain line breaks"))
	case message == "" && strings.ContainsAny(strings.TrimSpace(v.Expression), "\n\r"):
		errs = append(errs, field.Required(p.Child("message"), "message must be specified if expression contains line breaks"))
	}
	if v.Reason != nil {
		errs = append(errs, oneOfOrUnsupported(*v.Reason, p.Child("reason"), metav1.StatusReasonForbidden, metav1.StatusReasonInvalid,
			metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonUnauthorized)...)
	}
	return errs
}

func validateAuditAnnotation(policy string, a *registrationv1.AuditAnnotation, compile *policyExpressions, p *field.Path) (errs field.ErrorList) {
	key := a.Key
	if policy != "" {
		key = policy + "/" + key
	}
	errs = invalids(p.Child("key"), key, qualifiedName(key))
	at := p.Child("valueExpression")
	switch trimmed := strings.TrimSpace(a.ValueExpression); {
	case trimmed == "":
		return append(errs, field.Required(at, "valueExpression is not specified"))
	case len(trimmed) > maxAnnotationExpressionBytes:
		return append(errs, field.Required(at, fmt.Sprintf("must not exceed %d bytes in length", maxAnnotationExpressionBytes)))
	}
	return append(errs, compile.check(a.ValueExpression, false, at, expression.String, expression.Null)...)
}

func validateValidatingPolicyStatus(p, _ *registrationv1.ValidatingAdmissionPolicy) (errs field.ErrorList) {
	if c := p.Status.TypeChecking; c != nil {
		for i, w := range c.ExpressionWarnings {
			at := statusPath.Child("typeChecking", "expressionWarnings").Index(i)
			if w.Warning == "" {
				errs = append(errs, field.Required(at.Child("warning"), ""))
			}
			if w.FieldRef == "" {
				errs = append(errs, field.Required(at.Child("fieldRef"), ""))
			}
		}
	}
	return append(errs, metavalidation.ValidateConditions(p.Status.Conditions, statusPath.Child("conditions"))...)
}
