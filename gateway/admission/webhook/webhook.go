// Package webhook lets other people's servers complete, change and refuse writes.
package webhook

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// Config of Hooks.
type Config struct {
	// Objects has the configurations, and the services behind which webhooks are.
	Objects kind.Reader
	// Authorize answers match conditions that ask for permissions.
	Authorize access.Authorize
	// Dial reaches webhooks; nil is a net.Dialer.
	Dial    Dial
	Metrics prometheus.Registerer
}

// Hooks are all webhooks. They are safe for concurrent use.
type Hooks struct {
	config               Config
	mutators, validators matching.Cache[set]
	clients              clients
	metrics              *metrics
}

// New makes Hooks. They have to be told of changes: see Watches and Changed.
func New(c Config) *Hooks {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	h := &Hooks{config: c, clients: clients{objects: c.Objects, dial: c.Dial}, metrics: newMetrics(c.Metrics)}
	h.mutators.Build = func(old *set) *set {
		return h.kept(build(c.Objects, kind.MutatingWebhooks, mutating, old), h.validators.Peek())
	}
	h.validators.Build = func(old *set) *set {
		return h.kept(build(c.Objects, kind.ValidatingWebhooks, validating, old), h.mutators.Peek())
	}
	return h
}

// kept is the first set; only the connections of both are kept.
func (h *Hooks) kept(now, other *set) *set {
	needed := map[client]bool{}
	for _, s := range []*set{now, other} {
		if s != nil {
			for _, k := range s.hooks {
				needed[k.target.client()] = true
			}
		}
	}
	h.clients.keep(needed)
	return now
}

// Watches are the resources whose changes Changed wants to be told of.
func (h *Hooks) Watches(r subject.Resource) bool {
	return r == kind.MutatingWebhooks || r == kind.ValidatingWebhooks
}

// Changed is told of a change of a configuration.
func (h *Hooks) Changed(o subject.Object) {
	if o.Resource == kind.MutatingWebhooks {
		h.mutators.Changed(o)
	} else {
		h.validators.Changed(o)
	}
}

// Close drops idle connections.
func (h *Hooks) Close() { h.clients.close() }

// Mutating is the plugin that asks mutating webhooks, Validating the one that asks validating ones.
func (h *Hooks) Mutating() admission.Plugin { return mutatingPlugin{h} }

// Validating asks the webhooks that may only refuse.
func (h *Hooks) Validating() admission.Plugin { return validatingPlugin{h} }

// called are the hooks to be asked about a write; a is nil if there are none. The error is a Status.
func (h *Hooks) called(ctx context.Context, hooks []*hook, r *kind.Request, op registrationv1.OperationType, obj, old kind.Object, options runtime.Object) (out []*hook, a *matching.Asked, err error) {
	if matching.Exempt(r) {
		return nil, nil, nil
	}
	for _, k := range hooks {
		if !k.matches(op, r) {
			continue
		}
		if a == nil {
			a = asked(r, op, obj, old, options)
		}
		if ok, err := h.wants(ctx, k, a, obj, old); err != nil {
			return nil, nil, err
		} else if ok {
			out = append(out, k)
		}
	}
	return out, a, nil
}

func asked(r *kind.Request, op registrationv1.OperationType, obj, old kind.Object, options runtime.Object) *matching.Asked {
	if options != nil {
		return matching.NewConnect(r, options)
	}
	return matching.New(r, op, obj, old)
}

// wants says whether a hook whose rules match is to be asked. The error is a Status.
func (h *Hooks) wants(ctx context.Context, k *hook, a *matching.Asked, obj, old kind.Object) (bool, error) {
	if ok, err := k.selectors.Match(ctx, a.Request, a.Operation, obj, old); !ok || err != nil {
		return false, err
	}
	if k.conditions.Empty() {
		return true, nil
	}
	in, err := a.Input(h.config.Authorize)
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	ok, err := k.conditions.Match(ctx, in)
	if err != nil {
		forbidden := apierrors.NewForbidden(a.Request.Kind.GroupVersionResource().GroupResource(), a.Request.Name, err)
		return false, forbidden
	}
	return ok, nil
}

// ended is the answer once the request's own time is up.
func ended() error {
	return apierrors.NewTimeoutError("request did not complete within requested timeout", 0)
}

// codeOf is a refusal's code, for metrics.
func codeOf(err error) int32 {
	if s, ok := err.(apierrors.APIStatus); ok {
		return s.Status().Code
	}
	return 0
}
