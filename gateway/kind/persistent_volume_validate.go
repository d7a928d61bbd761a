package kind

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePersistentVolume(v, old *corev1.PersistentVolume) (errs field.ErrorList) {
	s := &v.Spec
	errs = validateAccessModes(s.AccessModes, specPath.Child("accessModes"))
	errs = append(errs, validateCapacity(s.Capacity, specPath.Child("capacity"))...)
	reclaim := specPath.Child("persistentVolumeReclaimPolicy")
	errs = append(errs, oneOf(s.PersistentVolumeReclaimPolicy, reclaim,
		corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	if a := s.NodeAffinity; a != nil {
		if at := specPath.Child("nodeAffinity", "required"); a.Required == nil {
			errs = append(errs, field.Required(at, "must specify required node constraints"))
		} else {
			errs = append(errs, validateNodeSelector(a.Required, at)...)
		}
	}
	errs = append(errs, validatePersistentSource(&s.PersistentVolumeSource, specPath)...)
	if s.Local != nil && s.NodeAffinity == nil {
		errs = append(errs, field.Required(metaPath.Child("annotations"), "Local volume requires node affinity"))
	}
	if s.HostPath != nil && path.Clean(s.HostPath.Path) == "/" && s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(reclaim, "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		errs = append(errs, invalids(specPath.Child("storageClassName"), s.StorageClassName, subdomain(s.StorageClassName))...)
	}
	errs = append(errs, validateVolumeMode(s.VolumeMode, specPath.Child("volumeMode"))...)
	errs = append(errs, validateVolumeAttributesClassName(s)...)
	if old != nil {
		errs = append(errs, validatePersistentVolumeUpdate(s, &old.Spec)...)
	}
	return errs
}

func validateCapacity(c corev1.ResourceList, p *field.Path) (errs field.ErrorList) {
	if len(c) == 0 {
		errs = append(errs, field.Required(p, ""))
	}
	if _, ok := c[corev1.ResourceStorage]; !ok || len(c) > 1 {
		errs = append(errs, field.NotSupported(p, c, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for name, q := range c {
		if q.Sign() <= 0 {
			errs = append(errs, field.Invalid(p.Key(string(name)), q.String(), "must be greater than zero"))
		}
	}
	return errs
}

func validateVolumeAttributesClassName(s *corev1.PersistentVolumeSpec) (errs field.ErrorList) {
	class, at := s.VolumeAttributesClassName, specPath.Child("volumeAttributesClassName")
	if class == nil {
		return nil
	}
	if *class == "" {
		errs = append(errs, field.Required(at, "an empty string is disallowed"))
	} else {
		errs = append(errs, invalids(at, *class, subdomain(*class))...)
	}
	if s.CSI == nil {
		errs = append(errs, field.Required(specPath.Child("csi"), "has to be specified when using volumeAttributesClassName"))
	}
	return errs
}

// validatePersistentVolumeUpdate keeps where a volume's data is; a CSI driver's secret for expansion may change.
func validatePersistentVolumeUpdate(now, old *corev1.PersistentVolumeSpec) (errs field.ErrorList) {
	source, was := now.PersistentVolumeSource.DeepCopy(), old.PersistentVolumeSource.DeepCopy()
	if source.CSI != nil && was.CSI != nil {
		source.CSI.ControllerExpandSecretRef = was.CSI.ControllerExpandSecretRef
	}
	if !equality.Semantic.DeepEqual(source, was) {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation\n"+diff.Diff(source, was)))
	}
	errs = append(errs, immutable(now.VolumeMode, old.VolumeMode, field.NewPath("volumeMode"))...)
	if old.NodeAffinity != nil {
		errs = append(errs, immutable(now.NodeAffinity, old.NodeAffinity, field.NewPath("nodeAffinity"))...)
	}
	if old.VolumeAttributesClassName == nil {
		return errs
	}
	at := specPath.Child("volumeAttributesClassName")
	switch class := now.VolumeAttributesClassName; {
	case class == nil:
		errs = append(errs, field.Forbidden(at, "update from non-nil value to nil is forbidden"))
	case *class == "":
		errs = append(errs, field.Forbidden(at, "update from non-nil value to an empty string is forbidden"))
	}
	return errs
}
