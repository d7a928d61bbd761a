package kind

import (
	"fmt"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func serviceCIDRKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("networking.k8s.io", "v1", "ServiceCIDR"), Resource: "servicecidrs",
		New:     func() Object { return new(networkingv1.ServiceCIDR) },
		NewList: func() runtime.Object { return new(networkingv1.ServiceCIDRList) },
		Prepare: prepares(func(c, old *networkingv1.ServiceCIDR) {
			if c.Status = (networkingv1.ServiceCIDRStatus{}); old != nil {
				c.Status = old.Status
			}
		}),
		Validate: validates(validateServiceCIDR),
		Columns: []Column{
			column("CIDRs", "string", 0, func(c *networkingv1.ServiceCIDR, _ time.Time) any { return strings.Join(c.Spec.CIDRs, ",") }),
		},
		Subresources: []Subresource{status(func(c, old *networkingv1.ServiceCIDR) { c.Spec = old.Spec }, nil)},
	}
}

func validateServiceCIDR(c, old *networkingv1.ServiceCIDR) (errs field.ErrorList) {
	at := specPath.Child("cidrs")
	if old != nil {
		for i, cidr := range old.Spec.CIDRs {
			if i >= len(c.Spec.CIDRs) || c.Spec.CIDRs[i] != cidr {
				return field.ErrorList{field.Invalid(at.Index(i), cidr, "field is immutable")}
			}
		}
	}
	switch n := len(c.Spec.CIDRs); {
	case n == 0:
		return field.ErrorList{field.Required(at, "at least one CIDR required")}
	case n > 2:
		return field.ErrorList{field.Invalid(at, c.Spec, fmt.Sprintf("may only hold up to %d values", 2))}
	}
	for i, cidr := range c.Spec.CIDRs {
		errs = append(errs, validation.IsValidCIDR(at.Index(i), cidr)...)
	}
	return errs
}
