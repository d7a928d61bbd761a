package kind

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func claimKind() *Kind {
	type claim = corev1.PersistentVolumeClaim
	return &Kind{
		GroupVersionKind: core("PersistentVolumeClaim"), Resource: "persistentvolumeclaims", ShortNames: []string{"pvc"}, Namespaced: true,
		New:     func() Object { return new(claim) },
		NewList: func() runtime.Object { return new(corev1.PersistentVolumeClaimList) },
		Default: on(defaultClaim),
		Prepare: prepares(func(c, old *claim) {
			if old == nil {
				c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
				prepareDataSource(&c.Spec, nil)
				return
			}
			c.Status = old.Status
			prepareDataSource(&c.Spec, &old.Spec)
		}),
		Validate: validates(validateClaim),
		Warnings: warns(func(c, _ *claim) []string {
			return append(classAnnotationWarnings(c.Annotations), storageWarnings(c.Spec.Resources.Requests, "spec.resources.requests")...)
		}),
		Columns:      claimColumns(),
		Subresources: []Subresource{status(func(c, old *claim) { c.Spec = old.Spec }, validateClaimStatus)},
	}
}

func defaultClaim(c *corev1.PersistentVolumeClaim) {
	setDefault(&c.Status.Phase, corev1.ClaimPending)
	defaultClaimSpec(&c.Spec)
	defaultResources(c.Status.Capacity)
	defaultResources(c.Status.AllocatedResources)
}

func defaultClaimSpec(s *corev1.PersistentVolumeClaimSpec) {
	if s.VolumeMode == nil {
		s.VolumeMode = ptr(corev1.PersistentVolumeFilesystem)
	}
	defaultResources(s.Resources.Limits)
	defaultResources(s.Resources.Requests)
}

// prepareDataSource makes the two fields that say what a volume is filled from say the same. The older one holds
// claims and snapshots only; a reference stays in its namespace.
func prepareDataSource(s, old *corev1.PersistentVolumeClaimSpec) {
	if d := s.DataSource; d != nil && (old == nil || old.DataSource == nil) {
		claim := d.Kind == "PersistentVolumeClaim" && (d.APIGroup == nil || *d.APIGroup == "")
		snapshot := d.Kind == "VolumeSnapshot" && d.APIGroup != nil && *d.APIGroup == "snapshot.storage.k8s.io"
		if !claim && !snapshot {
			s.DataSource = nil
		}
	}
	if s.DataSourceRef != nil && (old == nil || old.DataSourceRef == nil) {
		s.DataSourceRef.Namespace = nil
	}
	switch {
	case s.DataSource != nil && s.DataSourceRef == nil:
		s.DataSourceRef = &corev1.TypedObjectReference{APIGroup: s.DataSource.APIGroup, Kind: s.DataSource.Kind, Name: s.DataSource.Name}
	case s.DataSource == nil && s.DataSourceRef != nil && s.DataSourceRef.Namespace == nil:
		s.DataSource = &corev1.TypedLocalObjectReference{APIGroup: s.DataSourceRef.APIGroup, Kind: s.DataSourceRef.Kind, Name: s.DataSourceRef.Name}
	}
}

func claimColumns() []Column {
	type claim = corev1.PersistentVolumeClaim
	return []Column{
		column("Status", "string", 0, func(c *claim, _ time.Time) any {
			if c.DeletionTimestamp != nil {
				return "Terminating"
			}
			return string(c.Status.Phase)
		}),
		text("Volume", func(c *claim) string { return c.Spec.VolumeName }),
		text("Capacity", func(c *claim) string {
			if c.Spec.VolumeName == "" {
				return ""
			}
			q := c.Status.Capacity[corev1.ResourceStorage]
			return q.String()
		}),
		text("Access Modes", func(c *claim) string {
			if c.Spec.VolumeName == "" {
				return ""
			}
			return accessModes(c.Status.AccessModes)
		}),
		text("StorageClass", func(c *claim) string {
			if class, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return orUnset(c.Spec.StorageClassName, "")
		}),
		text("VolumeAttributesClass", func(c *claim) string { return orUnset(c.Spec.VolumeAttributesClassName, "<unset>") }),
		ageColumn,
		wide("VolumeMode", func(c *claim) string { return orUnset(c.Spec.VolumeMode, "<unset>") }),
	}
}

// orUnset is a cell for a value that may be missing.
func orUnset[T ~string](v *T, unset string) string {
	if v == nil {
		return unset
	}
	return string(*v)
}
