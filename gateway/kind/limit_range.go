package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func limitRangeKind() *Kind {
	return &Kind{
		GroupVersionKind: core("LimitRange"), Resource: "limitranges", ShortNames: []string{"limits"}, Namespaced: true,
		New:      func() Object { return new(corev1.LimitRange) },
		NewList:  func() runtime.Object { return new(corev1.LimitRangeList) },
		Default:  on(defaultLimitRange),
		Validate: validates(validateLimitRange),
		Columns:  []Column{createdAt},
	}
}

// defaultLimitRange completes what containers are given: the most allowed is the limit, the limit or else the least
// allowed the request.
func defaultLimitRange(r *corev1.LimitRange) {
	for i := range r.Spec.Limits {
		l := &r.Spec.Limits[i]
		for _, list := range []corev1.ResourceList{l.Max, l.Min, l.Default, l.DefaultRequest, l.MaxLimitRequestRatio} {
			defaultResources(list)
		}
		if l.Type != corev1.LimitTypeContainer {
			continue
		}
		fill(&l.Default, l.Max)
		fill(&l.DefaultRequest, l.Default)
		fill(&l.DefaultRequest, l.Min)
	}
}

// fill adds to a list what only another has; the list is made even when there is nothing.
func fill(list *corev1.ResourceList, from corev1.ResourceList) {
	if *list == nil {
		*list = make(corev1.ResourceList, len(from))
	}
	for name, q := range from {
		if _, ok := (*list)[name]; !ok {
			(*list)[name] = q.DeepCopy()
		}
	}
}
