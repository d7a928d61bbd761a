package kind

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func resourceQuotaKind() *Kind {
	type quota = corev1.ResourceQuota
	return &Kind{
		GroupVersionKind: core("ResourceQuota"), Resource: "resourcequotas", ShortNames: []string{"quota"}, Namespaced: true,
		New:     func() Object { return new(quota) },
		NewList: func() runtime.Object { return new(corev1.ResourceQuotaList) },
		Default: on(func(q *quota) {
			defaultResources(q.Spec.Hard)
			defaultResources(q.Status.Hard)
			defaultResources(q.Status.Used)
		}),
		Prepare:  keepsStatus(func(q *quota) *corev1.ResourceQuotaStatus { return &q.Status }),
		Validate: validates(validateResourceQuota),
		Columns: []Column{
			text("Request", func(q *quota) string { return quotaUse(q, false) }),
			text("Limit", func(q *quota) string { return quotaUse(q, true) }),
		},
		Subresources: []Subresource{status(func(q, old *quota) { q.Spec = old.Spec }, validateResourceQuotaStatus)},
	}
}

// quotaUse is what is used of the limits, or of all else: "pods: 1/10, requests.cpu: 1/4".
func quotaUse(q *corev1.ResourceQuota, limits bool) string {
	var cells []string
	for name, hard := range q.Status.Hard {
		if strings.HasPrefix(string(name), "limits.") == limits {
			used := q.Status.Used[name]
			cells = append(cells, fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String()))
		}
	}
	slices.Sort(cells)
	return strings.Join(cells, ", ")
}
