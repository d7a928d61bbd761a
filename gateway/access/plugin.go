package access

import (
	"context"

	"taffrail.dev/gateway/kind"
)

// Escalation is the admission plugin that keeps writers of roles and bindings from giving
// away more than they hold.
type Escalation struct{ Authorizer *Authorizer }

// Name is the plugin's.
func (Escalation) Name() string { return "RBACEscalation" }

// Admit does nothing: what counts is the role as it is to be stored.
func (Escalation) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error { return nil }

// Validate refuses an escalation.
func (e Escalation) Validate(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	if obj == nil {
		return nil
	}
	return e.Authorizer.CheckEscalation(ctx, &r.User, obj, old)
}
