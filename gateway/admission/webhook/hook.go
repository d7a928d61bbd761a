package webhook

import (
	"slices"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// hook is one webhook, compiled. It does not change.
type hook struct {
	// configuration names the object it is of, name the webhook, key both of them.
	configuration, name, key string
	rules                    []registrationv1.RuleWithOperations
	selectors                matching.Selectors
	conditions               matching.Conditions
	// ignore is failurePolicy Ignore, again reinvocationPolicy IfNeeded.
	ignore, again bool
	// harmless says that a dry run may ask it.
	harmless bool
	timeout  time.Duration
	// version is that of the AdmissionReviews it is sent.
	version string
	target  target
}

// common is what the two types of webhooks both have.
type common struct {
	name        string
	client      *registrationv1.WebhookClientConfig
	rules       []registrationv1.RuleWithOperations
	failure     *registrationv1.FailurePolicyType
	namespaces  *metav1.LabelSelector
	objects     *metav1.LabelSelector
	sideEffects *registrationv1.SideEffectClass
	timeout     *int32
	versions    []string
	conditions  []registrationv1.MatchCondition
}

func mutating(obj kind.Object) (out []*hook) {
	c, ok := obj.(*registrationv1.MutatingWebhookConfiguration)
	if !ok {
		return nil
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		h := newHook(c.Name, common{
			w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.NamespaceSelector, w.ObjectSelector, w.SideEffects,
			w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions,
		})
		h.again = w.ReinvocationPolicy != nil && *w.ReinvocationPolicy == registrationv1.IfNeededReinvocationPolicy
		out = append(out, h)
	}
	return out
}

func validating(obj kind.Object) (out []*hook) {
	c, ok := obj.(*registrationv1.ValidatingWebhookConfiguration)
	if !ok {
		return nil
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		out = append(out, newHook(c.Name, common{
			w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.NamespaceSelector, w.ObjectSelector, w.SideEffects,
			w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions,
		}))
	}
	return out
}

func newHook(configuration string, c common) *hook {
	h := &hook{
		configuration: configuration, name: c.name, key: configuration + "/" + c.name, rules: c.rules,
		selectors:  matching.NewSelectors(c.namespaces, c.objects),
		conditions: matching.NewConditions(c.conditions, c.failure, false),
		ignore:     c.failure != nil && *c.failure == registrationv1.Ignore,
		timeout:    10 * time.Second, target: newTarget(c.client),
	}
	if c.timeout != nil {
		h.timeout = time.Duration(*c.timeout) * time.Second
	}
	if s := c.sideEffects; s != nil {
		h.harmless = *s == registrationv1.SideEffectClassNone || *s == registrationv1.SideEffectClassNoneOnDryRun
	}
	if i := slices.IndexFunc(c.versions, func(v string) bool { return v == "v1" || v == "v1beta1" }); i >= 0 {
		h.version = c.versions[i]
	}
	return h
}

// matches says whether one of the hook's rules is about a request.
func (h *hook) matches(op registrationv1.OperationType, r *kind.Request) bool {
	for i := range h.rules {
		if matching.Matches(&h.rules[i], op, r) {
			return true
		}
	}
	return false
}
