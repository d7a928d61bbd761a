package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/expression"
	"taffrail.dev/gateway/kind"
)

type validatingPlugin struct{ *Policies }

var (
	_ admission.Validator = validatingPlugin{}
	_ admission.Connector = validatingPlugin{}
)

// Name is the plugin's.
func (validatingPlugin) Name() string { return "ValidatingAdmissionPolicy" }

// Admit does nothing: validating policies see what is to be stored.
func (validatingPlugin) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error {
	return nil
}

// Validate evaluates the policies that match.
func (p validatingPlugin) Validate(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	policies := p.validators.Now().policies
	if len(policies) == 0 {
		return nil
	}
	return p.validate(ctx, policies, &write{Policies: p.Policies, request: r, op: matching.Operation(obj, old), obj: obj, old: old})
}

// Connect evaluates the policies that match a connection.
func (p validatingPlugin) Connect(ctx context.Context, r *kind.Request, options runtime.Object) error {
	policies := p.validators.Now().policies
	if len(policies) == 0 {
		return nil
	}
	return p.validate(ctx, policies, &write{Policies: p.Policies, request: r, op: registrationv1.Connect, options: options})
}

// decision is a validation that did not pass: index is its place, broken says that it could not be evaluated.
type decision struct {
	index   int
	message string
	reason  metav1.StatusReason
	broken  bool
}

// outcome collects what the policies decide.
type outcome struct {
	denial      *denial
	failures    []auditFailure
	annotations map[string][]string
}

// denial is the first refusal.
type denial struct {
	policy, binding, message string
	reason                   metav1.StatusReason
}

func (o *outcome) deny(d denial) {
	if o.denial == nil {
		o.denial = &d
	}
}

func (p validatingPlugin) validate(ctx context.Context, policies []bound, w *write) error {
	invocations, faults, err := w.invocations(ctx, policies)
	if err != nil {
		return err
	}
	var o outcome
	for _, f := range faults {
		if f.policy.ignore {
			continue
		}
		if f.binding == nil {
			o.deny(denial{policy: f.policy.name, message: "failed to configure policy: " + f.cause.Error()})
		} else {
			o.deny(denial{policy: f.policy.name, binding: f.binding.name, message: "failed to configure binding: " + f.cause.Error()})
		}
	}
	for i := range invocations {
		p.one(ctx, w, &invocations[i], &o)
	}
	o.publish(w.request)
	if o.denial == nil {
		return nil
	}
	return o.denial.refusal(w.request)
}

// one evaluates one invocation and does what its binding says.
func (p validatingPlugin) one(ctx context.Context, w *write, i *invocation, o *outcome) {
	for _, d := range w.decisions(ctx, i) {
		if d.broken && i.policy.ignore {
			p.metrics.checked(validatingType, i, "allow", d.broken)
			continue
		}
		for _, action := range i.binding.actions {
			p.metrics.checked(validatingType, i, strings.ToLower(string(action)), d.broken)
			switch action {
			case registrationv1.Deny:
				o.deny(denial{i.policy.name, i.binding.name, d.message, d.reason})
			case registrationv1.Audit:
				o.failures = append(o.failures, auditFailure{d.message, i.policy.name, i.binding.name, d.index, i.binding.actions})
			case registrationv1.Warn:
				if w.request.Warn != nil {
					w.request.Warn(fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': %s", i.policy.name, i.binding.name, d.message))
				}
			}
		}
	}
	if !i.skipped {
		w.annotate(ctx, i, o)
	}
}

// decisions are the validations that do not pass; nil if the match conditions do not hold.
func (w *write) decisions(ctx context.Context, i *invocation) []decision {
	broken := func(err error) []decision { return []decision{{message: err.Error(), broken: true}} }
	if i.policy.fault != nil {
		return broken(i.policy.fault)
	}
	ok, err := w.wanted(ctx, i)
	if err != nil {
		return broken(err)
	}
	if !ok {
		i.skipped = true
		return nil
	}
	budget := expression.NewBudget(expression.PolicyBudget)
	in, err := w.input(i, budget)
	if err != nil {
		return broken(err)
	}
	var out []decision
	for index := range i.policy.validations {
		v := &i.policy.validations[index]
		value, err := v.program.Eval(ctx, in, budget)
		switch {
		case errors.Is(err, expression.ErrBudget):
			return broken(err)
		case err != nil:
			out = append(out, decision{index: index, message: err.Error(), broken: true})
		case value != types.True:
			out = append(out, v.denied(ctx, in, budget, index))
		}
	}
	return out
}

// maxMessage is Kubernetes' bound for what a message expression says.
const maxMessage = 5 << 10

// denied is the decision of a validation that does not pass, in its author's words if there are any.
func (v *validation) denied(ctx context.Context, in *expression.Input, budget *expression.Budget, index int) decision {
	d := decision{index: index, reason: v.reason}
	if v.says != nil {
		value, err := v.says.Eval(ctx, in, budget)
		if errors.Is(err, expression.ErrBudget) {
			return decision{index: index, message: "failed messageExpression: " + err.Error(), broken: true}
		}
		if err == nil {
			text, _ := value.Value().(string)
			if text = strings.TrimSpace(text); len(text) <= maxMessage && !strings.Contains(text, "\n") {
				d.message = text
			}
		}
	}
	if d.message == "" {
		d.message = strings.TrimSpace(v.message)
	}
	if d.message == "" {
		d.message = "failed expression: " + strings.TrimSpace(v.text)
	}
	return d
}

// auditFailure is a validation that did not pass, as the audit has it.
type auditFailure struct {
	Message           string                            `json:"message"`
	Policy            string                            `json:"policy"`
	Binding           string                            `json:"binding"`
	ExpressionIndex   int                               `json:"expressionIndex"`
	ValidationActions []registrationv1.ValidationAction `json:"validationActions"`
}

// maxAuditFailures is Kubernetes' bound.
const maxAuditFailures = 50

// publish leaves what is for the audit.
func (o *outcome) publish(r *kind.Request) {
	if len(o.failures) > 0 {
		if text, err := json.Marshal(o.failures[:min(len(o.failures), maxAuditFailures)]); err == nil {
			r.Annotate("validation.policy.admission.k8s.io/validation_failure", string(text))
		}
	}
	for key, values := range o.annotations {
		r.Annotate(key, strings.Join(values, ", "))
	}
}

// annotate adds an annotation; bindings that say the same say it once.
func (o *outcome) annotate(key, value string) {
	if o.annotations == nil {
		o.annotations = map[string][]string{}
	}
	if !slices.Contains(o.annotations[key], value) {
		o.annotations[key] = append(o.annotations[key], value)
	}
}
