package policy

import (
	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/expression"
	"taffrail.dev/gateway/kind"
)

// policy is a compiled policy. It does not change.
type policy struct {
	name       string
	ignore     bool
	match      *match
	params     *registrationv1.ParamKind
	conditions matching.Conditions
	variables  *expression.Set
	// validations and annotations are a validating policy's, mutations a mutating one's.
	validations []validation
	annotations []annotation
	mutations   []mutation
	again       bool
	// fault is the first expression that does not compile.
	fault *expression.Error
}

type validation struct {
	text, message string
	reason        metav1.StatusReason
	program, says *expression.Program
}

type annotation struct {
	key     string
	program *expression.Program
}

type mutation struct {
	jsonPatch bool
	program   *expression.Program
}

func newPolicy(obj kind.Object) *policy {
	switch p := obj.(type) {
	case *registrationv1.ValidatingAdmissionPolicy:
		return newValidating(p)
	case *registrationv1.MutatingAdmissionPolicy:
		return newMutating(p)
	}
	return &policy{}
}

func newHead(name string, failure *registrationv1.FailurePolicyType, params *registrationv1.ParamKind, m *registrationv1.MatchResources,
	conditions []registrationv1.MatchCondition, variables []registrationv1.Variable, patch bool,
) *policy {
	p := &policy{
		name: name, ignore: failure != nil && *failure == registrationv1.Ignore, match: newMatch(m), params: params,
		conditions: matching.NewConditions(conditions, failure, params != nil),
		variables:  expression.NewSet(expression.Stored, patch),
	}
	for i := range variables {
		p.failed(p.variables.Add(variables[i].Name, variables[i].Expression, p.scope(true)))
	}
	return p
}

func (p *policy) scope(authorizer bool) expression.Scope {
	return expression.Scope{Params: p.params != nil, Authorizer: authorizer}
}

func (p *policy) failed(fault *expression.Error) {
	if p.fault == nil {
		p.fault = fault
	}
}

func newValidating(o *registrationv1.ValidatingAdmissionPolicy) *policy {
	s := &o.Spec
	p := newHead(o.Name, s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables, false)
	for i := range s.Validations {
		v := &s.Validations[i]
		out := validation{text: v.Expression, message: v.Message, reason: metav1.StatusReasonInvalid}
		if v.Reason != nil {
			out.reason = *v.Reason
		}
		var fault *expression.Error
		out.program, fault = p.variables.Compile(v.Expression, p.scope(true), expression.Bool)
		p.failed(fault)
		if v.MessageExpression != "" {
			out.says, fault = p.variables.Compile(v.MessageExpression, p.scope(false), expression.String)
			p.failed(fault)
		}
		p.validations = append(p.validations, out)
	}
	for i := range s.AuditAnnotations {
		a := &s.AuditAnnotations[i]
		program, fault := p.variables.Compile(a.ValueExpression, p.scope(false), expression.String, expression.Null)
		p.failed(fault)
		p.annotations = append(p.annotations, annotation{a.Key, program})
	}
	return p
}

func newMutating(o *registrationv1.MutatingAdmissionPolicy) *policy {
	s := &o.Spec
	p := newHead(o.Name, s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables, true)
	p.again = s.ReinvocationPolicy == registrationv1.IfNeededReinvocationPolicy
	for i := range s.Mutations {
		m := &s.Mutations[i]
		var out mutation
		var fault *expression.Error
		switch {
		case m.PatchType == registrationv1.PatchTypeJSONPatch && m.JSONPatch != nil:
			out.jsonPatch = true
			out.program, fault = p.variables.Compile(m.JSONPatch.Expression, p.scope(true), expression.Patch)
		case m.ApplyConfiguration != nil:
			out.program, fault = p.variables.Compile(m.ApplyConfiguration.Expression, p.scope(true), expression.Configuration)
		default:
			fault = &expression.Error{Detail: "mutation " + string(m.PatchType) + " lacks its expression"}
		}
		p.failed(fault)
		p.mutations = append(p.mutations, out)
	}
	return p
}
