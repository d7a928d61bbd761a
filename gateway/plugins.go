package gateway

import (
	"context"

	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/policy"
	"taffrail.dev/gateway/admission/webhook"
	"taffrail.dev/gateway/kind"
)

var _ admission.Validator = access.Escalation{}

// Plugins are the admission plugins of a cluster, in their order: those that complete from what the cluster
// holds, then what users configure, which sees what these made.
func Plugins(p Parts) []admission.Plugin {
	hooks := webhook.New(webhook.Config{Objects: p.Objects, Authorize: p.Authorizer.Authorize, Metrics: p.Metrics})
	p.Objects.Observe(hooks.Watches, hooks.Changed)
	policies := policy.New(policy.Config{Objects: p.Objects, Kinds: p.Kinds, Authorize: p.Authorizer.Authorize, Metrics: p.Metrics})
	p.Objects.Observe(policies.Watches, policies.Changed)
	may := func(ctx context.Context, user kind.User, verb, group, resource, name string) (bool, error) {
		allowed, _, err := p.Authorizer.Authorize(ctx, access.Attributes{User: user, Verb: verb, APIGroup: group, Resource: resource, Name: name})
		return allowed, err
	}
	plugins := append(admission.Default(), admission.CertificateApproval{May: may}, admission.CertificateSigning{May: may},
		access.Escalation{Authorizer: p.Authorizer})
	return append(plugins, policies.ParamAccess(), policies.Mutating(), hooks.Mutating(), policies.Validating(), hooks.Validating())
}
