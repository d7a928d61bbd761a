package kind

import (
	"fmt"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func podAutoscalerKind() *Kind {
	type scaler = autoscalingv2.HorizontalPodAutoscaler
	return &Kind{
		GroupVersionKind: gvk("autoscaling", "v2", "HorizontalPodAutoscaler"), Resource: "horizontalpodautoscalers", ShortNames: []string{"hpa"},
		Categories: []string{"all"}, Namespaced: true,
		New:      func() Object { return new(scaler) },
		NewList:  func() runtime.Object { return new(autoscalingv2.HorizontalPodAutoscalerList) },
		Default:  on(defaultPodAutoscaler),
		Prepare:  keepsStatus(func(s *scaler) *autoscalingv2.HorizontalPodAutoscalerStatus { return &s.Status }),
		Validate: validates(validatePodAutoscaler),
		Columns: []Column{
			text("Reference", func(s *scaler) string { return s.Spec.ScaleTargetRef.Kind + "/" + s.Spec.ScaleTargetRef.Name }),
			text("Targets", func(s *scaler) string { return formatMetrics(s.Spec.Metrics, s.Status.CurrentMetrics) }),
			text("MinPods", func(s *scaler) string {
				if s.Spec.MinReplicas == nil {
					return "<unset>"
				}
				return fmt.Sprint(*s.Spec.MinReplicas)
			}),
			column("MaxPods", "string", 0, func(s *scaler, _ time.Time) any { return int64(s.Spec.MaxReplicas) }),
			column("Replicas", "string", 0, func(s *scaler, _ time.Time) any { return int64(s.Status.CurrentReplicas) }),
		},
		Subresources: []Subresource{status(func(s, old *scaler) { s.Spec = old.Spec }, func(s, _ *scaler) field.ErrorList {
			return counts(count{"currentReplicas", s.Status.CurrentReplicas}, count{"desiredReplicas", s.Status.DesiredReplicas})
		})},
	}
}

func defaultPodAutoscaler(a *autoscalingv2.HorizontalPodAutoscaler) {
	s := &a.Spec
	if s.MinReplicas == nil {
		s.MinReplicas = ptr[int32](1)
	}
	if len(s.Metrics) == 0 {
		s.Metrics = []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{
				Name:   corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr[int32](80)},
			},
		}}
	}
	if s.Behavior == nil {
		return
	}
	all := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}
	some := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15}
	defaultScaling(&s.Behavior.ScaleUp, new(int32), some, all)
	defaultScaling(&s.Behavior.ScaleDown, nil, all)
}

func defaultScaling(rules **autoscalingv2.HPAScalingRules, window *int32, policies ...autoscalingv2.HPAScalingPolicy) {
	if *rules == nil {
		*rules = new(autoscalingv2.HPAScalingRules)
	}
	r := *rules
	if r.SelectPolicy == nil {
		r.SelectPolicy = ptr(autoscalingv2.MaxChangePolicySelect)
	}
	if r.StabilizationWindowSeconds == nil {
		r.StabilizationWindowSeconds = window
	}
	if r.Policies == nil {
		r.Policies = policies
	}
}

// formatMetrics is the first metrics as they are and as they should be: "cpu: 50%/80%, 3/5 (avg)".
func formatMetrics(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	const most = 2
	if len(specs) == 0 {
		return "<none>"
	}
	cells := make([]string, len(specs))
	for i := range specs {
		now := new(autoscalingv2.MetricStatus)
		if i < len(statuses) {
			now = &statuses[i]
		}
		cells[i] = formatMetric(&specs[i], now)
	}
	if len(cells) <= most {
		return strings.Join(cells, ", ")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(cells[:most], ", "), len(cells)-most)
}

func formatMetric(m *autoscalingv2.MetricSpec, now *autoscalingv2.MetricStatus) string {
	var current *autoscalingv2.MetricValueStatus
	switch {
	case m.Type == autoscalingv2.ExternalMetricSourceType && m.External != nil:
		if now.External != nil {
			current = &now.External.Current
		}
		return formatTarget(&m.External.Target, current)
	case m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil:
		if now.Object != nil {
			current = &now.Object.Current
		}
		return formatTarget(&m.Object.Target, current)
	case m.Type == autoscalingv2.PodsMetricSourceType && m.Pods != nil:
		if now.Pods != nil {
			current = &now.Pods.Current
		}
		return averageOf(current) + "/" + m.Pods.Target.AverageValue.String()
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		if now.Resource != nil {
			current = &now.Resource.Current
		}
		return formatResource(m.Resource.Name, &m.Resource.Target, current)
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil:
		if now.ContainerResource != nil {
			current = &now.ContainerResource.Current
		}
		return formatResource(m.ContainerResource.Name, &m.ContainerResource.Target, current)
	}
	return "<unknown type>"
}

const unknownMetric = "<unknown>"

func averageOf(v *autoscalingv2.MetricValueStatus) string {
	if v == nil || v.AverageValue == nil {
		return unknownMetric
	}
	return v.AverageValue.String()
}

func formatTarget(t *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if t.AverageValue != nil {
		return averageOf(now) + "/" + t.AverageValue.String() + " (avg)"
	}
	current := unknownMetric
	if now != nil {
		current = now.Value.String()
	}
	return current + "/" + t.Value.String()
}

func formatResource(name corev1.ResourceName, t *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if t.AverageValue != nil {
		return fmt.Sprintf("%s: %s/%s", name, averageOf(now), t.AverageValue.String())
	}
	current, target := unknownMetric, "<auto>"
	if now != nil && now.AverageUtilization != nil {
		current = fmt.Sprintf("%d%%", *now.AverageUtilization)
	}
	if t.AverageUtilization != nil {
		target = fmt.Sprintf("%d%%", *t.AverageUtilization)
	}
	return fmt.Sprintf("%s: %s/%s", name, current, target)
}
