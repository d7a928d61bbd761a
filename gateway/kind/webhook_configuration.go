package kind

import (
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
)

// The resources that configure admission.
var (
	MutatingWebhooks         = registration("mutatingwebhookconfigurations")
	ValidatingWebhooks       = registration("validatingwebhookconfigurations")
	ValidatingPolicies       = registration("validatingadmissionpolicies")
	ValidatingPolicyBindings = registration("validatingadmissionpolicybindings")
	MutatingPolicies         = registration("mutatingadmissionpolicies")
	MutatingPolicyBindings   = registration("mutatingadmissionpolicybindings")
)

func registration(name string) subject.Resource {
	return subject.Resource{Group: registrationv1.GroupName, Name: name}
}

func mutatingWebhookKind() *Kind {
	type configuration = registrationv1.MutatingWebhookConfiguration
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "MutatingWebhookConfiguration"), Resource: MutatingWebhooks.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(configuration) },
		NewList:    func() runtime.Object { return new(registrationv1.MutatingWebhookConfigurationList) },
		Default: on(func(c *configuration) {
			for i := range c.Webhooks {
				w := &c.Webhooks[i]
				defaultHook(hookOfMutating(w))
				if w.ReinvocationPolicy == nil {
					w.ReinvocationPolicy = ptr(registrationv1.NeverReinvocationPolicy)
				}
			}
		}),
		Spec: part(func(c *configuration) any { return c.Webhooks }),
		Validate: validates(func(c, old *configuration) field.ErrorList {
			hooks := make([]*hook, len(c.Webhooks))
			for i := range c.Webhooks {
				hooks[i] = hookOfMutating(&c.Webhooks[i])
			}
			known := written{}
			if old != nil {
				for i := range old.Webhooks {
					known.addConditions(old.Webhooks[i].MatchConditions)
				}
			}
			errs := validateHooks(hooks, known)
			for i := range c.Webhooks {
				if p := c.Webhooks[i].ReinvocationPolicy; p != nil {
					errs = append(errs, oneOfOrUnsupported(*p, webhooksPath.Index(i).Child("reinvocationPolicy"),
						registrationv1.IfNeededReinvocationPolicy, registrationv1.NeverReinvocationPolicy)...)
				}
			}
			return errs
		}),
		Columns: []Column{column("Webhooks", "integer", 0, func(c *configuration, _ time.Time) any { return int64(len(c.Webhooks)) })},
	}
}

func validatingWebhookKind() *Kind {
	type configuration = registrationv1.ValidatingWebhookConfiguration
	return &Kind{
		GroupVersionKind: gvk(registrationv1.GroupName, "v1", "ValidatingWebhookConfiguration"), Resource: ValidatingWebhooks.Name,
		Categories: []string{"api-extensions"},
		New:        func() Object { return new(configuration) },
		NewList:    func() runtime.Object { return new(registrationv1.ValidatingWebhookConfigurationList) },
		Default: on(func(c *configuration) {
			for i := range c.Webhooks {
				defaultHook(hookOfValidating(&c.Webhooks[i]))
			}
		}),
		Spec: part(func(c *configuration) any { return c.Webhooks }),
		Validate: validates(func(c, old *configuration) field.ErrorList {
			hooks := make([]*hook, len(c.Webhooks))
			for i := range c.Webhooks {
				hooks[i] = hookOfValidating(&c.Webhooks[i])
			}
			known := written{}
			if old != nil {
				for i := range old.Webhooks {
					known.addConditions(old.Webhooks[i].MatchConditions)
				}
			}
			return validateHooks(hooks, known)
		}),
		Columns: []Column{column("Webhooks", "integer", 0, func(c *configuration, _ time.Time) any { return int64(len(c.Webhooks)) })},
	}
}

// hook is what mutating and validating webhooks have in common.
type hook struct {
	name        string
	client      *registrationv1.WebhookClientConfig
	rules       []registrationv1.RuleWithOperations
	failure     **registrationv1.FailurePolicyType
	match       **registrationv1.MatchPolicyType
	namespaces  **metav1.LabelSelector
	objects     **metav1.LabelSelector
	sideEffects *registrationv1.SideEffectClass
	timeout     **int32
	versions    []string
	conditions  []registrationv1.MatchCondition
}

func hookOfMutating(w *registrationv1.MutatingWebhook) *hook {
	return &hook{
		w.Name, &w.ClientConfig, w.Rules, &w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector,
		w.SideEffects, &w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions,
	}
}

func hookOfValidating(w *registrationv1.ValidatingWebhook) *hook {
	return &hook{
		w.Name, &w.ClientConfig, w.Rules, &w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector,
		w.SideEffects, &w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions,
	}
}

func defaultHook(h *hook) {
	setDefault(h.failure, ptr(registrationv1.Fail))
	setDefault(h.match, ptr(registrationv1.Equivalent))
	setDefault(h.namespaces, &metav1.LabelSelector{})
	setDefault(h.objects, &metav1.LabelSelector{})
	setDefault(h.timeout, ptr(int32(10)))
	if s := h.client.Service; s != nil {
		setDefault(&s.Port, ptr(int32(443)))
	}
	for i := range h.rules {
		setDefault(&h.rules[i].Scope, ptr(registrationv1.AllScopes))
	}
}
