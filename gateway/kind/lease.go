package kind

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func leaseKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("coordination.k8s.io", "v1", "Lease"), Resource: "leases", Namespaced: true,
		New:      func() Object { return new(coordinationv1.Lease) },
		NewList:  func() runtime.Object { return new(coordinationv1.LeaseList) },
		Validate: validates(validateLease),
		Columns: []Column{
			column("Holder", "string", 0, func(l *coordinationv1.Lease, _ time.Time) any {
				if l.Spec.HolderIdentity == nil {
					return ""
				}
				return *l.Spec.HolderIdentity
			}),
		},
	}
}

func validateLease(l, _ *coordinationv1.Lease) (errs field.ErrorList) {
	s := &l.Spec
	if s.LeaseDurationSeconds != nil && *s.LeaseDurationSeconds <= 0 {
		errs = append(errs, field.Invalid(specPath.Child("leaseDurationSeconds"), *s.LeaseDurationSeconds, "must be greater than 0"))
	}
	if s.LeaseTransitions != nil && *s.LeaseTransitions < 0 {
		errs = append(errs, field.Invalid(specPath.Child("leaseTransitions"), *s.LeaseTransitions, "must be greater than or equal to 0"))
	}
	if s.Strategy != nil {
		errs = append(errs, invalids(specPath.Child("strategy"), *s.Strategy, qualifiedName(string(*s.Strategy)))...)
	}
	if s.PreferredHolder != nil && *s.PreferredHolder != "" && (s.Strategy == nil || *s.Strategy == "") {
		errs = append(errs, field.Invalid(specPath.Child("preferredHolder"), *s.PreferredHolder, "may only be specified if `strategy` is defined"))
	}
	return errs
}
