package policy

import (
	"context"
	"fmt"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/expression"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

type mutatingPlugin struct{ *Policies }

var _ admission.Connector = mutatingPlugin{}

// Name is the plugin's.
func (mutatingPlugin) Name() string { return "MutatingAdmissionPolicy" }

// Admit evaluates the policies that match, one after the other.
func (p mutatingPlugin) Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	policies := p.mutators.Now().policies
	if len(policies) == 0 {
		return nil
	}
	return p.admit(ctx, policies, &write{Policies: p.Policies, request: r, op: matching.Operation(obj, old), obj: obj, old: old})
}

// Connect evaluates the policies that match a connection: there is nothing to change, but what is misconfigured refuses.
func (p mutatingPlugin) Connect(ctx context.Context, r *kind.Request, options runtime.Object) error {
	policies := p.mutators.Now().policies
	if len(policies) == 0 {
		return nil
	}
	return p.admit(ctx, policies, &write{Policies: p.Policies, request: r, op: registrationv1.Connect, options: options})
}

func (p mutatingPlugin) admit(ctx context.Context, policies []bound, w *write) error {
	invocations, faults, err := w.invocations(ctx, policies)
	if err != nil {
		return err
	}
	for i := range faults {
		what := "failed to configure binding: %w"
		if faults[i].binding == nil {
			what = "failed to configure policy: %w"
		}
		faults[i].cause = fmt.Errorf(what, faults[i].cause)
	}
	if len(invocations) > 0 {
		rounds := matching.RoundsOf(w.request, p.Name())
		rounds.Begin(w.obj)
		for n := range invocations {
			i := &invocations[n]
			if err := p.one(ctx, w, i, rounds); err != nil {
				p.metrics.checked(mutatingType, i, "deny", true)
				faults = append(faults, fault{i.policy, i.binding, err})
			}
		}
		rounds.End(w.obj)
	}
	return refused(w.request, faults)
}

// one evaluates one invocation's mutations. An error is a fault of the policy.
func (p mutatingPlugin) one(ctx context.Context, w *write, i *invocation, rounds *matching.Rounds) error {
	key := i.key()
	if i.policy.fault != nil {
		return i.policy.fault
	}
	if ok, err := w.wanted(ctx, i); !ok || err != nil {
		return err
	}
	if !rounds.Asks(key) || !w.asked.HasObject() {
		return nil
	}
	changed := false
	var first error
	for n := range i.policy.mutations {
		was, err := p.mutate(ctx, w, i, &i.policy.mutations[n])
		changed = changed || was
		if err != nil && first == nil {
			first = err
		}
	}
	if changed {
		rounds.Changed()
	}
	rounds.Asked(key, i.policy.again)
	return first
}

// mutate says whether a mutation made the object another.
func (p mutatingPlugin) mutate(ctx context.Context, w *write, i *invocation, m *mutation) (bool, error) {
	budget := expression.NewBudget(expression.PolicyBudget)
	in, err := w.input(i, budget)
	if err != nil {
		return false, err
	}
	value, err := m.program.Eval(ctx, in, budget)
	if err != nil {
		return false, err
	}
	var text []byte
	var paths []string
	if m.jsonPatch {
		text, paths, err = patched(w.asked, value)
	} else {
		text, paths, err = p.merged(w.asked, value)
	}
	if err != nil || text == nil {
		return false, err
	}
	changed, err := w.asked.Replace(text)
	if err != nil {
		return false, err
	}
	if changed {
		p.metrics.checked(mutatingType, i, "allow", false)
		w.request.Step(&eventv1.AdmissionStep{Plugin: p.Name(), Name: i.policy.name, Configuration: i.binding.name, Paths: paths})
	}
	return changed, nil
}

// refused is the answer if a fault is not ignored, nil otherwise.
func refused(r *kind.Request, faults []fault) error {
	err := forbidden(r, "")
	var first *fault
	for i := range faults {
		f := &faults[i]
		if f.policy.ignore {
			continue
		}
		text := fmt.Sprintf("policy %q denied request: %v", f.policy.name, f.cause)
		if f.binding != nil {
			text = fmt.Sprintf("policy '%s' with binding '%s' denied request: %v", f.policy.name, f.binding.name, f.cause)
		}
		if first == nil {
			first = f
			err.ErrStatus.Message = text
		}
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Message: text})
	}
	if first == nil {
		return nil
	}
	step := &eventv1.AdmissionStep{
		Plugin: "MutatingAdmissionPolicy", Name: first.policy.name, Refused: true, Code: err.ErrStatus.Code, Message: err.ErrStatus.Message,
	}
	if first.binding != nil {
		step.Configuration = first.binding.name
	}
	r.Step(step)
	return err
}
