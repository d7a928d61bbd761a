package kind

import (
	"encoding/json"
	"maps"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// What autoscaling/v1 has no fields for it has in annotations.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

// podAutoscalerV1Kind is HorizontalPodAutoscalers as autoscaling/v1 has them, of the kind that they are stored as.
func podAutoscalerV1Kind(v2 *Kind) *Kind {
	return versionOf(v2, Version{
		GroupVersionKind: gvk("autoscaling", "v1", "HorizontalPodAutoscaler"),
		New:              func() Object { return new(autoscalingv1.HorizontalPodAutoscaler) },
		NewList:          func() runtime.Object { return new(autoscalingv1.HorizontalPodAutoscalerList) },
		ToStorage:        func(obj Object) Object { return toAutoscalerV2(obj.(*autoscalingv1.HorizontalPodAutoscaler)) },
		FromStorage:      func(stored Object) Object { return fromAutoscalerV2(stored.(*autoscalingv2.HorizontalPodAutoscaler)) },
		Default: on(func(h *autoscalingv1.HorizontalPodAutoscaler) {
			if h.Spec.MinReplicas == nil {
				one := int32(1)
				h.Spec.MinReplicas = &one
			}
			// The metric that is there for want of any, and the behavior's parts, are v2's to say.
			full := toAutoscalerV2(h)
			if v2.Default != nil {
				v2.Default(full)
			}
			*h = *fromAutoscalerV2(full)
		}),
	})
}

// withoutRoundTrip is metadata without the annotations that stand for fields of v2.
func withoutRoundTrip(m metav1.ObjectMeta) metav1.ObjectMeta {
	m.Annotations = maps.Clone(m.Annotations)
	for _, name := range []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation} {
		delete(m.Annotations, name)
	}
	if len(m.Annotations) == 0 {
		m.Annotations = nil
	}
	return m
}

func toAutoscalerV2(h *autoscalingv1.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
	s, t := &h.Spec, &h.Status
	out := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: withoutRoundTrip(h.ObjectMeta),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(s.ScaleTargetRef), MinReplicas: s.MinReplicas, MaxReplicas: s.MaxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: t.ObservedGeneration, LastScaleTime: t.LastScaleTime,
			CurrentReplicas: t.CurrentReplicas, DesiredReplicas: t.DesiredReplicas,
		},
	}
	var metrics []autoscalingv1.MetricSpec
	annotated(h, metricsAnnotation, &metrics)
	for i := range metrics {
		out.Spec.Metrics = append(out.Spec.Metrics, toMetricV2(&metrics[i]))
	}
	if s.TargetCPUUtilizationPercentage != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, autoscalingv2.MetricSpec{
			Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name:   corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: s.TargetCPUUtilizationPercentage},
			},
		})
	}
	annotated(h, behaviorAnnotation, &out.Spec.Behavior)
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	annotated(h, conditionsAnnotation, &conditions)
	for _, c := range conditions {
		out.Status.Conditions = append(out.Status.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{
			Type: autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
			Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration,
		})
	}
	out.Status.CurrentMetrics = currentMetricsV2(h)
	return out
}

// currentMetricsV2 are those of the annotation, which say more than the field.
func currentMetricsV2(h *autoscalingv1.HorizontalPodAutoscaler) (out []autoscalingv2.MetricStatus) {
	var current []autoscalingv1.MetricStatus
	annotated(h, currentMetricsAnnotation, &current)
	for i := range current {
		out = append(out, toMetricStatusV2(&current[i]))
	}
	if used := h.Status.CurrentCPUUtilizationPercentage; out == nil && used != nil {
		out = append(out, autoscalingv2.MetricStatus{
			Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{
				Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: used},
			},
		})
	}
	return out
}

// annotated reads an annotation into out; one that is malformed is none.
func annotated[T any](h *autoscalingv1.HorizontalPodAutoscaler, name string, out *T) {
	text, ok := h.Annotations[name]
	if !ok {
		return
	}
	var value T
	if json.Unmarshal([]byte(text), &value) == nil {
		*out = value
	}
}

func fromAutoscalerV2(h *autoscalingv2.HorizontalPodAutoscaler) *autoscalingv1.HorizontalPodAutoscaler {
	s, t := &h.Spec, &h.Status
	out := &autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: withoutRoundTrip(h.ObjectMeta),
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(s.ScaleTargetRef), MinReplicas: s.MinReplicas, MaxReplicas: s.MaxReplicas,
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: t.ObservedGeneration, LastScaleTime: t.LastScaleTime,
			CurrentReplicas: t.CurrentReplicas, DesiredReplicas: t.DesiredReplicas,
		},
	}
	var others []autoscalingv1.MetricSpec
	for i := range s.Metrics {
		if target := cpuTarget(&s.Metrics[i]); target != nil {
			out.Spec.TargetCPUUtilizationPercentage = target
			continue
		}
		others = append(others, fromMetricV2(&s.Metrics[i]))
	}
	var current []autoscalingv1.MetricStatus
	for i := range t.CurrentMetrics {
		m := &t.CurrentMetrics[i]
		if m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = m.Resource.Current.AverageUtilization
		}
		current = append(current, fromMetricStatusV2(m))
	}
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	for _, c := range t.Conditions {
		conditions = append(conditions, autoscalingv1.HorizontalPodAutoscalerCondition{
			Type: autoscalingv1.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
			Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration,
		})
	}
	annotate(out, metricsAnnotation, len(others) > 0, others)
	annotate(out, currentMetricsAnnotation, len(current) > 0, current)
	annotate(out, conditionsAnnotation, len(conditions) > 0, conditions)
	annotate(out, behaviorAnnotation, s.Behavior != nil, behaviorText(s.Behavior))
	return out
}

// cpuTarget is the target of a metric that v1 has a field for; nil for others.
func cpuTarget(m *autoscalingv2.MetricSpec) *int32 {
	if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil || m.Resource.Name != corev1.ResourceCPU {
		return nil
	}
	return m.Resource.Target.AverageUtilization
}

func annotate(h *autoscalingv1.HorizontalPodAutoscaler, name string, present bool, value any) {
	if !present {
		return
	}
	text, err := json.Marshal(value)
	if err != nil { // API types marshal
		return
	}
	if h.Annotations == nil {
		h.Annotations = map[string]string{}
	}
	h.Annotations[name] = string(text)
}
