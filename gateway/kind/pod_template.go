package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func podTemplateKind() *Kind {
	type template = corev1.PodTemplate
	columns := templateColumns(func(obj Object) (*corev1.PodSpec, string) { return &obj.(*template).Template.Spec, "" })[:2]
	for i := range columns {
		columns[i].Priority = 0
	}
	return &Kind{
		GroupVersionKind: core("PodTemplate"), Resource: "podtemplates", Namespaced: true,
		New:     func() Object { return new(template) },
		NewList: func() runtime.Object { return new(corev1.PodTemplateList) },
		Default: on(func(t *template) { defaultPodTemplate(&t.Template) }),
		Spec:    part(func(t *template) any { return &t.Template }),
		Validate: validates(func(t, _ *template) field.ErrorList {
			return validateAnyTemplate(&t.Template, field.NewPath("template"))
		}),
		Warnings: warns(func(t, old *template) []string {
			if old != nil {
				return nil
			}
			return podSpecWarnings(&t.Template.Spec, "template.spec")
		}),
		Columns: append(columns, text("Pod Labels", func(t *template) string { return formatLabels(t.Template.Labels) })),
		Ageless: true,
	}
}
