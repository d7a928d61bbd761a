package kind

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func namespaceKind() *Kind {
	return &Kind{
		GroupVersionKind: core("Namespace"), Resource: "namespaces", ShortNames: []string{"ns"},
		New:      func() Object { return new(corev1.Namespace) },
		NewList:  func() runtime.Object { return new(corev1.NamespaceList) },
		NameRule: LabelName,
		Default:  on(labelNamespace),
		Prepare:  prepares(prepareNamespace),
		Validate: validates(func(n, _ *corev1.Namespace) field.ErrorList {
			return validateNamespaceFinalizers(n)
		}),
		DeleteFinalizers: func(obj Object) []string {
			var names []string
			for _, f := range obj.(*corev1.Namespace).Spec.Finalizers {
				names = append(names, string(f))
			}
			return names
		},
		Deleting:         on(func(n *corev1.Namespace) { n.Status.Phase = corev1.NamespaceTerminating }),
		SelectableFields: []string{"status.phase"},
		Selectable: labels(func(n *corev1.Namespace) map[string]string {
			return map[string]string{"status.phase": string(n.Status.Phase)}
		}),
		Columns: []Column{
			column("Status", "string", 0, func(n *corev1.Namespace, _ time.Time) any { return string(n.Status.Phase) }),
		},
		Subresources: []Subresource{
			status(func(n, old *corev1.Namespace) { n.Spec = old.Spec }, validateNamespaceStatus),
			{
				Name: "finalize", Verbs: []string{"update"},
				Prepare:  prepares(func(n, old *corev1.Namespace) { n.Status = old.Status }),
				Validate: validates(func(n, _ *corev1.Namespace) field.ErrorList { return validateNamespaceFinalizers(n) }),
			},
		},
	}
}

func labelNamespace(n *corev1.Namespace) {
	if n.Name == "" {
		return
	}
	if n.Labels == nil {
		n.Labels = make(map[string]string, 1)
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func prepareNamespace(n, old *corev1.Namespace) {
	labelNamespace(n)
	if old != nil {
		n.Spec.Finalizers, n.Status = old.Spec.Finalizers, old.Status
		return
	}
	n.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	for _, f := range n.Spec.Finalizers {
		if f == corev1.FinalizerKubernetes {
			return
		}
	}
	n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
}

func validateNamespaceFinalizers(n *corev1.Namespace) (errs field.ErrorList) {
	p := specPath.Child("finalizers")
	for i, f := range n.Spec.Finalizers {
		name := string(f)
		errs = append(errs, invalids(p.Index(i), name, qualifiedName(name))...)
		switch {
		case strings.Contains(name, "/"), f == corev1.FinalizerKubernetes,
			name == metav1.FinalizerOrphanDependents, name == metav1.FinalizerDeleteDependents:
		default:
			errs = append(errs, field.Invalid(p.Index(i), name, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}

func validateNamespaceStatus(n, _ *corev1.Namespace) field.ErrorList {
	p := statusPath.Child("Phase")
	if n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceActive {
		return field.ErrorList{field.Invalid(p, n.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty")}
	}
	if !n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceTerminating {
		return field.ErrorList{field.Invalid(p, n.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")}
	}
	return nil
}
