package kind

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// templateColumns are the wide columns of a workload: its containers, images and selector.
func templateColumns(of func(Object) (*corev1.PodSpec, string)) []Column {
	each := func(f func(*corev1.Container) string) func(Object, time.Time) any {
		return func(obj Object, _ time.Time) any {
			spec, _ := of(obj)
			cells := make([]string, len(spec.Containers))
			for i := range spec.Containers {
				cells[i] = f(&spec.Containers[i])
			}
			return strings.Join(cells, ",")
		}
	}
	return []Column{
		{Name: "Containers", Type: "string", Priority: 1, Value: each(func(c *corev1.Container) string { return c.Name })},
		{Name: "Images", Type: "string", Priority: 1, Value: each(func(c *corev1.Container) string { return c.Image })},
		{Name: "Selector", Type: "string", Priority: 1, Value: func(obj Object, _ time.Time) any {
			_, selector := of(obj)
			return selector
		}},
	}
}

func formatSelector(s *metav1.LabelSelector) string { return metav1.FormatLabelSelector(s) }
