package admission

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// DefaultStorageClass gives a volume claim that names no class the default one, DefaultIngressClass an ingress.
// Without a default class they leave it to whoever serves the claim or the ingress.
type (
	DefaultStorageClass struct{}
	DefaultIngressClass struct{}
)

// Name is the plugin's.
func (DefaultStorageClass) Name() string { return "DefaultStorageClass" }

// Name is the plugin's.
func (DefaultIngressClass) Name() string { return "DefaultIngressClass" }

// Admit completes a new claim.
func (DefaultStorageClass) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	claim, ok := created[*corev1.PersistentVolumeClaim](q, obj, old)
	if !ok || claim.Spec.StorageClassName != nil || hasKey(claim.Annotations, corev1.BetaStorageClassAnnotation) {
		return nil
	}
	claim.Spec.StorageClassName = defaultNamed(q.Reader, storageClasses,
		"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
	return nil
}

// Admit completes a new ingress.
func (DefaultIngressClass) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	ingress, ok := created[*networkingv1.Ingress](q, obj, old)
	if !ok || ingress.Spec.IngressClassName != nil || hasKey(ingress.Annotations, "kubernetes.io/ingress.class") {
		return nil
	}
	ingress.Spec.IngressClassName = defaultNamed(q.Reader, ingressClasses, networkingv1.AnnotationIsDefaultIngressClass)
	return nil
}

func hasKey(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

// defaultNamed is the name of the default class: of several the newest, by name if they are of one age; nil for none.
func defaultNamed(r kind.Reader, of subject.Resource, annotations ...string) *string {
	var best kind.Object
	for _, obj := range r.List(of, "") {
		isDefault := slices.ContainsFunc(annotations, func(a string) bool { return obj.GetAnnotations()[a] == "true" })
		if !isDefault {
			continue
		}
		if best == nil || best.GetCreationTimestamp().Time.Before(obj.GetCreationTimestamp().Time) {
			best = obj // the list is by name
		}
	}
	if best == nil {
		return nil
	}
	name := best.GetName()
	return &name
}
