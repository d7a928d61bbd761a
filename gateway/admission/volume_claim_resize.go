package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/component-helpers/storage/volume"

	"taffrail.dev/gateway/kind"
)

// PersistentVolumeClaimResize lets only such claims grow whose storage class can do it.
type PersistentVolumeClaimResize struct{}

var _ Validator = PersistentVolumeClaimResize{}

// Name is the plugin's.
func (PersistentVolumeClaimResize) Name() string { return "PersistentVolumeClaimResize" }

// Admit does nothing.
func (PersistentVolumeClaimResize) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error {
	return nil
}

// Validate refuses a growth that nobody could carry out.
func (PersistentVolumeClaimResize) Validate(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	claim, ok := written[*corev1.PersistentVolumeClaim](q, obj)
	was, replaced := old.(*corev1.PersistentVolumeClaim)
	if !ok || !replaced {
		return nil
	}
	wanted, had := claim.Spec.Resources.Requests[corev1.ResourceStorage], was.Spec.Resources.Requests[corev1.ResourceStorage]
	if wanted.Cmp(had) <= 0 {
		return nil
	}
	if was.Status.Phase != corev1.ClaimBound {
		return refuse(q, "Only bound persistent volume claims can be expanded")
	}
	class := volume.GetPersistentVolumeClaimClass(claim)
	if class != "" && class == volume.GetPersistentVolumeClaimClass(was) {
		found, _, err := find(ctx, q, storageClasses, "", class)
		if err != nil {
			return err
		}
		if s, ok := found.(*storagev1.StorageClass); ok && s.AllowVolumeExpansion != nil && *s.AllowVolumeExpansion {
			return nil
		}
	}
	return refuse(q, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize")
}
