package kind

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Priorities: users' end at the highest below the system's own classes.
const (
	highestUserPriority  = 1000000000
	systemPriority       = 2 * highestUserPriority
	systemPriorityPrefix = "system-"
)

// SystemPriorities are the classes that every cluster has.
var SystemPriorities = map[string]int32{
	"system-cluster-critical": systemPriority,
	"system-node-critical":    systemPriority + 1000,
}

func priorityClassKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("scheduling.k8s.io", "v1", "PriorityClass"), Resource: "priorityclasses", ShortNames: []string{"pc"},
		New:     func() Object { return new(schedulingv1.PriorityClass) },
		NewList: func() runtime.Object { return new(schedulingv1.PriorityClassList) },
		Default: on(func(c *schedulingv1.PriorityClass) {
			if c.PreemptionPolicy == nil {
				c.PreemptionPolicy = ptr(corev1.PreemptLowerPriority)
			}
		}),
		Spec:     part(func(c *schedulingv1.PriorityClass) any { return c.Value }),
		Validate: validates(validatePriorityClass),
		Columns: []Column{
			column("Value", "integer", 0, func(c *schedulingv1.PriorityClass, _ time.Time) any { return int64(c.Value) }),
			column("Global-Default", "boolean", 0, func(c *schedulingv1.PriorityClass, _ time.Time) any { return c.GlobalDefault }),
			ageColumn,
			column("PreemptionPolicy", "string", 0, func(c *schedulingv1.PriorityClass, _ time.Time) any {
				if c.PreemptionPolicy == nil {
					return ""
				}
				return string(*c.PreemptionPolicy)
			}),
		},
	}
}

func validatePriorityClass(c, old *schedulingv1.PriorityClass) (errs field.ErrorList) {
	value := field.NewPath("value")
	if strings.HasPrefix(c.Name, systemPriorityPrefix) {
		if v, known := SystemPriorities[c.Name]; !known || v != c.Value || c.GlobalDefault {
			errs = append(errs, field.Forbidden(metaPath.Child("name"), fmt.Sprintf("priority class names with '%s' prefix are reserved for system use only. error: %s is not a system priority class with this value", systemPriorityPrefix, c.Name)))
		}
	} else if c.Value > highestUserPriority {
		errs = append(errs, field.Forbidden(value, fmt.Sprintf("maximum allowed value of a user defined priority is %v", highestUserPriority)))
	}
	policy := field.NewPath("preemptionPolicy")
	if c.PreemptionPolicy != nil {
		errs = append(errs, oneOf(*c.PreemptionPolicy, policy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if old == nil {
		return errs
	}
	if c.Value != old.Value {
		errs = append(errs, field.Forbidden(value, "may not be changed in an update."))
	}
	if c.PreemptionPolicy != nil && old.PreemptionPolicy != nil && *c.PreemptionPolicy != *old.PreemptionPolicy {
		errs = append(errs, field.Invalid(policy, *c.PreemptionPolicy, immutableField))
	}
	return errs
}
