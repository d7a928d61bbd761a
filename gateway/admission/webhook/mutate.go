package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

type mutatingPlugin struct{ *Hooks }

var _ admission.Connector = mutatingPlugin{}

// Name is the plugin's.
func (mutatingPlugin) Name() string { return "MutatingAdmissionWebhook" }

// Admit asks the webhooks one after the other.
func (p mutatingPlugin) Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	return p.admit(ctx, r, matching.Operation(obj, old), obj, old, nil)
}

// Connect asks about a connection, which they can only refuse.
func (p mutatingPlugin) Connect(ctx context.Context, r *kind.Request, options runtime.Object) error {
	return p.admit(ctx, r, registrationv1.Connect, nil, nil, options)
}

func (p mutatingPlugin) admit(ctx context.Context, r *kind.Request, op registrationv1.OperationType, obj, old kind.Object, options runtime.Object) error {
	hooks := p.mutators.Now().hooks
	if len(hooks) == 0 || matching.Exempt(r) {
		return nil
	}
	var a *matching.Asked
	var rounds *matching.Rounds
	for i, k := range hooks {
		if !k.matches(op, r) {
			continue
		}
		if a == nil {
			a, rounds = asked(r, op, obj, old, options), matching.RoundsOf(r, p.Name())
			rounds.Begin(obj)
		}
		ok, err := p.wants(ctx, k, a, obj, old)
		if err != nil {
			return err
		}
		if !ok || !rounds.Asks(k.key) {
			continue
		}
		if err := p.one(ctx, k, i, a, rounds); err != nil {
			return err
		}
	}
	if rounds != nil {
		rounds.End(obj)
	}
	return nil
}

// one asks one webhook and makes the object what it says.
func (p mutatingPlugin) one(ctx context.Context, k *hook, index int, a *matching.Asked, rounds *matching.Rounds) error {
	began := time.Now()
	changed, err := p.mutate(ctx, k, a)
	if changed {
		rounds.Changed()
	}
	rounds.Asked(k.key, k.again)
	var failed *failure
	open := errors.As(err, &failed) && k.ignore
	p.metrics.asked(k.name, "admit", string(a.Operation), began, err, open)
	switch {
	case err == nil:
		return nil
	case open && ctx.Err() != nil:
		return ended()
	case open:
		round := 0
		if a.Request.Rounds.Second {
			round = 1
		}
		a.Request.Annotate(fmt.Sprintf("failed-open.mutation.webhook.admission.k8s.io/round_%d_index_%d", round, index), k.name)
		return nil
	}
	return refuse(a.Request, p.Name(), k, err)
}

// mutate says whether the object is another now.
func (p mutatingPlugin) mutate(ctx context.Context, k *hook, a *matching.Asked) (bool, error) {
	answer, err := p.ask(ctx, k, a, true)
	if err != nil {
		return false, err
	}
	tell(a.Request, k, answer)
	if !answer.Allowed {
		return false, denied(k.name, answer.Result)
	}
	if len(answer.Patch) == 0 {
		return false, nil
	}
	patch, err := jsonpatch.DecodePatch(answer.Patch)
	switch {
	case err != nil:
		return false, &failure{k.name, fmt.Errorf("received undecodable patch in webhook response: %w", err)}
	case len(patch) == 0:
		return false, nil
	case !a.HasObject():
		return false, apierrors.NewInternalError(fmt.Errorf("admission webhook %q attempted to modify the object, which is not supported for this operation", k.name))
	case *answer.PatchType != admissionv1.PatchTypeJSONPatch:
		return false, &failure{k.name, fmt.Errorf("unsupported patch type %q", *answer.PatchType)}
	}
	return apply(k, a, patch)
}

func apply(k *hook, a *matching.Asked, patch jsonpatch.Patch) (bool, error) {
	text, err := a.ObjectText()
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	if text, err = matching.Patched(text, patch); err != nil {
		return false, apierrors.NewInternalError(err)
	}
	changed, err := a.Replace(text)
	if err != nil {
		return false, apierrors.NewInternalError(fmt.Errorf("admission webhook %q attempted to make an invalid object: %w", k.name, err))
	}
	if changed {
		a.Request.Step(&eventv1.AdmissionStep{
			Plugin: "MutatingAdmissionWebhook", Name: k.name, Configuration: k.configuration, Paths: matching.Paths(patch),
		})
	}
	return changed, nil
}
