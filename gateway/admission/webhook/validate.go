package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

type validatingPlugin struct{ *Hooks }

var (
	_ admission.Validator = validatingPlugin{}
	_ admission.Connector = validatingPlugin{}
)

// Name is the plugin's.
func (validatingPlugin) Name() string { return "ValidatingAdmissionWebhook" }

// Admit does nothing: validating webhooks see what is to be stored.
func (validatingPlugin) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error {
	return nil
}

// Validate asks all webhooks at once.
func (p validatingPlugin) Validate(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	return p.validate(ctx, r, matching.Operation(obj, old), obj, old, nil)
}

// Connect asks about a connection.
func (p validatingPlugin) Connect(ctx context.Context, r *kind.Request, options runtime.Object) error {
	return p.validate(ctx, r, registrationv1.Connect, nil, nil, options)
}

// atOnce bounds the calls that one write makes at once.
const atOnce = 64

// verdict is what came of asking one webhook.
type verdict struct {
	answer *admissionv1.AdmissionResponse
	err    error
	open   bool
}

func (p validatingPlugin) validate(ctx context.Context, r *kind.Request, op registrationv1.OperationType, obj, old kind.Object, options runtime.Object) error {
	hooks := p.validators.Now().hooks
	if len(hooks) == 0 {
		return nil
	}
	hooks, a, err := p.called(ctx, hooks, r, op, obj, old, options)
	if err != nil || len(hooks) == 0 {
		return err
	}
	if ctx.Err() != nil {
		return ended()
	}
	// The texts are made before many read them.
	if _, err := a.ObjectText(); err != nil {
		return apierrors.NewInternalError(err)
	}
	if _, err := a.OldText(); err != nil {
		return apierrors.NewInternalError(err)
	}
	verdicts := make([]verdict, len(hooks))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, k := range hooks {
		group.Go(func() error {
			verdicts[i] = p.one(ctx, k, a)
			return nil
		})
	}
	_ = group.Wait()
	return p.judge(r, hooks, verdicts)
}

func (p validatingPlugin) one(ctx context.Context, k *hook, a *matching.Asked) (v verdict) {
	began := time.Now()
	v.answer, v.err = p.ask(ctx, k, a, false)
	if v.err == nil && !v.answer.Allowed {
		v.err = denied(k.name, v.answer.Result)
	}
	var failed *failure
	v.open = errors.As(v.err, &failed) && k.ignore
	p.metrics.asked(k.name, "validating", string(a.Operation), began, v.err, v.open)
	return v
}

// judge is the first refusal, once all have said what they have to say.
func (p validatingPlugin) judge(r *kind.Request, hooks []*hook, verdicts []verdict) (first error) {
	for i, v := range verdicts {
		if v.answer != nil {
			tell(r, hooks[i], v.answer)
		}
		switch {
		case v.err == nil:
		case v.open:
			r.Annotate(fmt.Sprintf("failed-open.validating.webhook.admission.k8s.io/round_0_index_%d", i), hooks[i].name)
		case first == nil:
			first = refuse(r, p.Name(), hooks[i], v.err)
		}
	}
	return first
}

// tell passes on a webhook's warnings and annotations.
func tell(r *kind.Request, k *hook, answer *admissionv1.AdmissionResponse) {
	for key, value := range answer.AuditAnnotations {
		r.Annotate(k.name+"/"+key, value)
	}
	if r.Warn != nil {
		for _, text := range answer.Warnings {
			r.Warn(text)
		}
	}
}

// refuse makes of a webhook's refusal or failure the answer, and notes it.
func refuse(r *kind.Request, plugin string, k *hook, err error) error {
	if _, ok := err.(apierrors.APIStatus); !ok {
		err = apierrors.NewInternalError(err)
	}
	status := err.(apierrors.APIStatus).Status()
	r.Step(&eventv1.AdmissionStep{
		Plugin: plugin, Name: k.name, Configuration: k.configuration, Refused: true, Code: status.Code, Message: status.Message,
	})
	return err
}
