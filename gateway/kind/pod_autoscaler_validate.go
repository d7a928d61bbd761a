package kind

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePodAutoscaler(a, old *autoscalingv2.HorizontalPodAutoscaler) (errs field.ErrorList) {
	s, least := &a.Spec, int32(1)
	if old != nil && old.Spec.MinReplicas != nil && *old.Spec.MinReplicas == 0 {
		least = 0
	}
	if s.MinReplicas != nil && *s.MinReplicas < least {
		errs = append(errs, field.Invalid(specPath.Child("minReplicas"), *s.MinReplicas, fmt.Sprintf("must be greater than or equal to %d", least)))
	}
	most := specPath.Child("maxReplicas")
	if s.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(most, s.MaxReplicas, "must be greater than 0"))
	}
	if s.MinReplicas != nil && s.MaxReplicas < *s.MinReplicas {
		errs = append(errs, field.Invalid(most, s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, validateScaled(&s.ScaleTargetRef, specPath.Child("scaleTargetRef"))...)
	metrics := specPath.Child("metrics")
	outside := false
	for i := range s.Metrics {
		errs = append(errs, validateMetric(&s.Metrics[i], metrics.Index(i))...)
		outside = outside || s.Metrics[i].Type == autoscalingv2.ObjectMetricSourceType || s.Metrics[i].Type == autoscalingv2.ExternalMetricSourceType
	}
	if s.MinReplicas != nil && *s.MinReplicas == 0 && !outside {
		errs = append(errs, field.Forbidden(metrics, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	if s.Behavior != nil {
		errs = append(errs, validateScaling(s.Behavior.ScaleUp, specPath.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateScaling(s.Behavior.ScaleDown, specPath.Child("behavior", "scaleDown"))...)
	}
	return errs
}

func validateScaled(r *autoscalingv2.CrossVersionObjectReference, p *field.Path) field.ErrorList {
	errs := validateSegment(r.Kind, p.Child("kind"))
	return append(errs, validateSegment(r.Name, p.Child("name"))...)
}

const (
	maxScalingPeriod = 1800
	maxScalingWindow = 3600
)

func validateScaling(r *autoscalingv2.HPAScalingRules, p *field.Path) (errs field.ErrorList) {
	if r == nil {
		return nil
	}
	window := p.Child("stabilizationWindowSeconds")
	if n := value(r.StabilizationWindowSeconds); n < 0 {
		errs = append(errs, field.Invalid(window, n, "must be greater than or equal to zero"))
	} else if n > maxScalingWindow {
		errs = append(errs, field.Invalid(window, n, fmt.Sprintf("must be less than or equal to %v", maxScalingWindow)))
	}
	if r.SelectPolicy != nil {
		errs = append(errs, oneOfOrUnsupported(*r.SelectPolicy, p.Child("selectPolicy"),
			autoscalingv2.DisabledPolicySelect, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect)...)
	}
	policies := p.Child("policies")
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(policies, "must specify at least one Policy"))
	}
	for i, policy := range r.Policies {
		at := policies.Index(i)
		errs = append(errs, oneOfOrUnsupported(policy.Type, at.Child("type"), autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)...)
		if policy.Value <= 0 {
			errs = append(errs, field.Invalid(at.Child("value"), policy.Value, "must be greater than zero"))
		}
		if policy.PeriodSeconds <= 0 {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, "must be greater than zero"))
		} else if policy.PeriodSeconds > maxScalingPeriod {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, fmt.Sprintf("must be less than or equal to %v", maxScalingPeriod)))
		}
	}
	if q := r.Tolerance; q != nil && q.Sign() < 0 {
		errs = append(errs, field.Invalid(p.Child("tolerance"), q.String(), "must be greater than or equal to 0"))
	}
	return errs
}

// validateMetric checks that a metric is of one type and has that type's source.
func validateMetric(m *autoscalingv2.MetricSpec, p *field.Path) (errs field.ErrorList) {
	sources := []struct {
		t     autoscalingv2.MetricSourceType
		name  string
		set   bool
		check func(*field.Path) field.ErrorList
	}{
		{autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil, func(p *field.Path) field.ErrorList { return validateObjectMetric(m.Object, p) }},
		{autoscalingv2.ExternalMetricSourceType, "external", m.External != nil, func(p *field.Path) field.ErrorList { return validateExternalMetric(m.External, p) }},
		{autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil, func(p *field.Path) field.ErrorList { return validatePodsMetric(m.Pods, p) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil, func(p *field.Path) field.ErrorList {
			return validateResourceMetric(m.Resource.Name, &m.Resource.Target, p)
		}},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil, func(p *field.Path) field.ErrorList {
			return validateContainerMetric(m.ContainerResource, p)
		}},
	}
	known, set := false, 0
	for _, s := range sources {
		if s.set {
			if set++; set == 1 {
				errs = append(errs, s.check(p.Child(s.name))...)
			}
		}
		known = known || m.Type == s.t
		if m.Type == s.t && !s.set {
			errs = append(errs, field.Required(p.Child(s.name), "must populate information for the given metric source"))
		}
	}
	if m.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "must specify a metric source type"))
	}
	if !known {
		errs = append(errs, field.NotSupported(p.Child("type"), m.Type, []autoscalingv2.MetricSourceType{
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
			autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType,
		}))
	}
	for _, s := range sources {
		if set > 1 && s.set && s.t != m.Type {
			errs = append(errs, field.Forbidden(p.Child(s.name), "must populate the given metric source only"))
		}
	}
	return errs
}

func validateMetricName(m *autoscalingv2.MetricIdentifier, p *field.Path) field.ErrorList {
	if m.Name == "" {
		return field.ErrorList{field.Required(p.Child("name"), "must specify a metric name")}
	}
	return invalids(p.Child("name"), m.Name, PathName(m.Name, false))
}

func validateTarget(t *autoscalingv2.MetricTarget, p *field.Path) (errs field.ErrorList) {
	if t.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "must specify a metric target type"))
	}
	switch t.Type {
	case autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		errs = append(errs, field.Invalid(p.Child("type"), t.Type, "must be either Utilization, Value, or AverageValue"))
	}
	if t.Value != nil && t.Value.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("value"), t.Value, "must be positive"))
	}
	if t.AverageValue != nil && t.AverageValue.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("averageValue"), t.AverageValue, "must be positive"))
	}
	if n := t.AverageUtilization; n != nil && *n < 1 {
		errs = append(errs, field.Invalid(p.Child("averageUtilization"), *n, "must be greater than 0"))
	}
	return errs
}

func validateObjectMetric(m *autoscalingv2.ObjectMetricSource, p *field.Path) field.ErrorList {
	errs := validateScaled(&m.DescribedObject, p.Child("describedObject"))
	errs = append(errs, validateMetricName(&m.Metric, p.Child("metric"))...)
	errs = append(errs, validateTarget(&m.Target, p.Child("target"))...)
	if m.Target.Value == nil && m.Target.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value or averageValue"))
	}
	return errs
}

func validateExternalMetric(m *autoscalingv2.ExternalMetricSource, p *field.Path) field.ErrorList {
	errs := validateMetricName(&m.Metric, p.Child("metric"))
	errs = append(errs, validateTarget(&m.Target, p.Child("target"))...)
	if m.Target.Value == nil && m.Target.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	}
	if m.Target.Value != nil && m.Target.AverageValue != nil {
		errs = append(errs, field.Forbidden(p.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func validatePodsMetric(m *autoscalingv2.PodsMetricSource, p *field.Path) field.ErrorList {
	errs := validateMetricName(&m.Metric, p.Child("metric"))
	errs = append(errs, validateTarget(&m.Target, p.Child("target"))...)
	if m.Target.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func validateResourceMetric(name corev1.ResourceName, t *autoscalingv2.MetricTarget, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(p.Child("name"), "must specify a resource name"))
	}
	errs = append(errs, validateTarget(t, p.Child("target"))...)
	if t.AverageUtilization == nil && t.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if t.AverageUtilization != nil && t.AverageValue != nil {
		errs = append(errs, field.Forbidden(p.Child("target", "averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func validateContainerMetric(m *autoscalingv2.ContainerResourceMetricSource, p *field.Path) (errs field.ErrorList) {
	if m.Name != "" {
		errs = validateLimitResource(corev1.LimitTypeContainer, m.Name, p.Child("name"))
	}
	if at := p.Child("container"); m.Container == "" {
		errs = append(errs, field.Required(at, "must specify a container"))
	} else {
		errs = append(errs, invalids(at, m.Container, dnsLabel(m.Container))...)
	}
	return append(errs, validateResourceMetric(m.Name, &m.Target, p)...)
}
