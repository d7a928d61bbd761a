package kind

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func ingressClassKind() *Kind {
	type class = networkingv1.IngressClass
	return &Kind{
		GroupVersionKind: gvk("networking.k8s.io", "v1", "IngressClass"), Resource: "ingressclasses",
		New:     func() Object { return new(class) },
		NewList: func() runtime.Object { return new(networkingv1.IngressClassList) },
		Default: on(func(c *class) {
			if p := c.Spec.Parameters; p != nil && p.Scope == nil {
				p.Scope = ptr(networkingv1.IngressClassParametersReferenceScopeCluster)
			}
		}),
		Spec:     part(func(c *class) any { return &c.Spec }),
		Validate: validates(validateIngressClass),
		Columns: []Column{
			text("Controller", func(c *class) string { return c.Spec.Controller }),
			text("Parameters", func(c *class) string {
				p := c.Spec.Parameters
				if p == nil {
					return "<none>"
				}
				kind := p.Kind
				if p.APIGroup != nil {
					kind += "." + *p.APIGroup
				}
				return kind + "/" + p.Name
			}),
		},
	}
}

const maxIngressController = 250

func validateIngressClass(c, old *networkingv1.IngressClass) (errs field.ErrorList) {
	controller := specPath.Child("controller")
	if old != nil {
		errs = append(errs, immutable(c.Spec.Controller, old.Spec.Controller, controller)...)
	}
	if len(c.Spec.Controller) > maxIngressController {
		errs = append(errs, field.TooLong(controller, "", maxIngressController))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(controller, c.Spec.Controller)...)
	if c.Spec.Parameters != nil {
		errs = append(errs, validateClassParameters(c.Spec.Parameters, specPath.Child("parameters"))...)
	}
	return errs
}

func validateClassParameters(r *networkingv1.IngressClassParametersReference, p *field.Path) (errs field.ErrorList) {
	const ofCluster, ofNamespace = networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace
	if r.APIGroup != nil {
		errs = append(errs, invalids(p.Child("apiGroup"), *r.APIGroup, subdomain(*r.APIGroup))...)
	}
	errs = append(errs, validateSegment(r.Kind, p.Child("kind"))...)
	errs = append(errs, validateSegment(r.Name, p.Child("name"))...)
	namespace := p.Child("namespace")
	switch scope := orUnset(r.Scope, ""); {
	case r.Scope == nil:
		errs = append(errs, field.Required(p.Child("scope"), ""))
	case scope == ofCluster:
		if r.Namespace != nil {
			errs = append(errs, field.Forbidden(namespace, "`parameters.scope` is set to 'Cluster'"))
		}
	case scope != ofNamespace:
		errs = append(errs, field.NotSupported(p.Child("scope"), scope, []string{ofCluster, ofNamespace}))
	case r.Namespace == nil:
		errs = append(errs, field.Required(namespace, "`parameters.scope` is set to 'Namespace'"))
	default:
		errs = append(errs, invalids(namespace, *r.Namespace, dnsLabel(*r.Namespace))...)
	}
	return errs
}
