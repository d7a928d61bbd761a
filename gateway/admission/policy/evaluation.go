package policy

import (
	"context"
	"fmt"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/expression"
	"taffrail.dev/gateway/kind"
)

// write is what the policies of one type are asked about.
type write struct {
	*Policies
	request  *kind.Request
	op       registrationv1.OperationType
	obj, old kind.Object
	options  runtime.Object

	// asked and namespace are made once a policy matches.
	asked     *matching.Asked
	namespace map[string]any
}

// invocation is a policy to be evaluated: by which binding, with which parameter.
type invocation struct {
	policy  *policy
	binding *binding
	params  map[string]any
	// skipped says that the match conditions do not hold.
	skipped bool
}

// key names an invocation in both rounds of a write.
func (i *invocation) key() string {
	metadata, _ := i.params["metadata"].(map[string]any)
	return fmt.Sprint(i.policy.name, "/", i.binding.name, "/", metadata["namespace"], "/", metadata["name"])
}

// fault is that a policy could not be evaluated; binding is nil where it is the policy's own fault.
type fault struct {
	policy  *policy
	binding *binding
	cause   error
}

// open makes what expressions see of the write. The error is a Status.
func (w *write) open(ctx context.Context) error {
	if w.asked != nil {
		return nil
	}
	if w.options != nil {
		w.asked = matching.NewConnect(w.request, w.options)
	} else {
		w.asked = matching.New(w.request, w.op, w.obj, w.old)
	}
	if w.request.Namespace == "" || w.request.Kind.SubjectResource() == subject.Namespaces {
		return nil
	}
	namespace, err := matching.FindNamespace(ctx, w.request, w.request.Namespace)
	if err != nil {
		return err
	}
	w.namespace, err = matching.MapOf(namespace, namespaceKind)
	return err
}

// invocations are the policies that match, by name, and what keeps others from being evaluated.
func (w *write) invocations(ctx context.Context, policies []bound) (out []invocation, faults []fault, err error) {
	if matching.Exempt(w.request) {
		return nil, nil, nil
	}
	for _, p := range policies {
		if !p.match.about(w.op, w.request) {
			continue
		}
		if ok, err := w.selected(ctx, p.match); err != nil {
			faults = append(faults, fault{p.policy, nil, err})
			continue
		} else if !ok {
			continue
		}
		for _, b := range p.bindings {
			if !b.match.about(w.op, w.request) {
				continue
			}
			ok, err := w.selected(ctx, b.match)
			if err != nil {
				faults = append(faults, fault{p.policy, b, err})
			}
			if !ok {
				continue
			}
			params, err := w.parameters(ctx, w.request, p.params, b.params)
			if err != nil {
				faults = append(faults, fault{p.policy, b, err})
				continue
			}
			for _, param := range params {
				out = append(out, invocation{policy: p.policy, binding: b, params: param})
			}
		}
	}
	if len(out) > 0 {
		err = w.open(ctx)
	}
	return out, faults, err
}

func (w *write) selected(ctx context.Context, m *match) (bool, error) {
	if m == nil {
		return true, nil
	}
	return m.selectors.Match(ctx, w.request, w.op, w.obj, w.old)
}

// input is what an invocation's expressions are evaluated with, at the cost of a budget.
func (w *write) input(i *invocation, budget *expression.Budget) (*expression.Input, error) {
	in, err := w.asked.Input(w.config.Authorize)
	if err != nil {
		return nil, err
	}
	in.Namespace, in.Params = w.namespace, i.params
	in.Variables = i.policy.variables.Variables(in, budget)
	return in, nil
}

// wanted says whether an invocation's match conditions hold; they see no namespace.
func (w *write) wanted(ctx context.Context, i *invocation) (bool, error) {
	if i.policy.conditions.Empty() {
		return true, nil
	}
	in, err := w.asked.Input(w.config.Authorize)
	if err != nil {
		return false, err
	}
	in.Params = i.params
	return i.policy.conditions.Match(ctx, in)
}
