package admission

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// The finalizers that keep volumes and claims while they are in use.
const (
	volumeProtection = "kubernetes.io/pv-protection"
	claimProtection  = "kubernetes.io/pvc-protection"
)

// StorageObjectInUseProtection lets no volume and no claim go while it is in use: whoever knows takes the finalizer off.
type StorageObjectInUseProtection struct{}

// Name is the plugin's.
func (StorageObjectInUseProtection) Name() string { return "StorageObjectInUseProtection" }

// Admit completes a new volume or claim.
func (StorageObjectInUseProtection) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	if volume, ok := created[*corev1.PersistentVolume](q, obj, old); ok {
		protect(volume, volumeProtection)
	}
	if claim, ok := created[*corev1.PersistentVolumeClaim](q, obj, old); ok {
		protect(claim, claimProtection)
	}
	return nil
}

func protect(obj kind.Object, finalizer string) {
	if have := obj.GetFinalizers(); !slices.Contains(have, finalizer) {
		obj.SetFinalizers(append(slices.Clip(have), finalizer))
	}
}
