package kind

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func persistentVolumeKind() *Kind {
	type volume = corev1.PersistentVolume
	return &Kind{
		GroupVersionKind: core("PersistentVolume"), Resource: "persistentvolumes", ShortNames: []string{"pv"},
		New:     func() Object { return new(volume) },
		NewList: func() runtime.Object { return new(corev1.PersistentVolumeList) },
		Default: on(defaultPersistentVolume),
		Prepare: prepares(func(v, old *volume) {
			if old != nil {
				v.Status = old.Status
				return
			}
			born := v.CreationTimestamp
			v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending, LastPhaseTransitionTime: &born}
		}),
		Validate: validates(validatePersistentVolume),
		Warnings: warns(func(v, _ *volume) []string { return volumeWarnings(v) }),
		Columns:  volumeColumns(),
		Subresources: []Subresource{status(func(v, old *volume) {
			v.Spec = old.Spec
			if v.Status.Phase != old.Status.Phase && (v.Status.LastPhaseTransitionTime == nil || v.Status.LastPhaseTransitionTime.Equal(old.Status.LastPhaseTransitionTime)) {
				v.Status.LastPhaseTransitionTime = lastWritten(v)
			}
		}, nil)},
	}
}

// lastWritten is when an object was written last, by the owners of its fields; nil if none says.
func lastWritten(obj metav1.Object) (last *metav1.Time) {
	for _, m := range obj.GetManagedFields() {
		if m.Time != nil && (last == nil || last.Before(m.Time)) {
			last = m.Time.DeepCopy()
		}
	}
	return last
}

func defaultPersistentVolume(v *corev1.PersistentVolume) {
	s := &v.Spec
	setDefault(&v.Status.Phase, corev1.VolumePending)
	setDefault(&s.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	if s.VolumeMode == nil {
		s.VolumeMode = ptr(corev1.PersistentVolumeFilesystem)
	}
	defaultResources(s.Capacity)
	switch {
	case s.HostPath != nil:
		if s.HostPath.Type == nil {
			s.HostPath.Type = ptr(corev1.HostPathUnset)
		}
	case s.ISCSI != nil:
		setDefault(&s.ISCSI.ISCSIInterface, "default")
	case s.RBD != nil:
		setDefault(&s.RBD.RBDPool, "rbd")
		setDefault(&s.RBD.RadosUser, "admin")
		setDefault(&s.RBD.Keyring, "/etc/ceph/keyring")
	case s.ScaleIO != nil:
		setDefault(&s.ScaleIO.StorageMode, "ThinProvisioned")
		setDefault(&s.ScaleIO.FSType, "xfs")
	case s.AzureDisk != nil:
		defaultNetworkVolume(&corev1.VolumeSource{AzureDisk: s.AzureDisk})
	}
}

func volumeWarnings(v *corev1.PersistentVolume) []string {
	warnings := classAnnotationWarnings(v.Annotations)
	s := &v.Spec
	if s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		warnings = append(warnings, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	}
	for _, w := range []struct {
		set  bool
		text string
	}{
		{s.PhotonPersistentDisk != nil, "spec.photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+"},
		{s.ScaleIO != nil, "spec.scaleIO: deprecated in v1.16, non-functional in v1.22+"},
		{s.StorageOS != nil, "spec.storageOS: deprecated in v1.22, non-functional in v1.25+"},
		{s.Glusterfs != nil, "spec.glusterfs: deprecated in v1.25, non-functional in v1.26+"},
		{s.CephFS != nil, "spec.cephfs: deprecated in v1.28, non-functional in v1.31+"},
		{s.RBD != nil, "spec.rbd: deprecated in v1.28, non-functional in v1.31+"},
	} {
		if w.set {
			warnings = append(warnings, w.text)
		}
	}
	return append(warnings, storageWarnings(s.Capacity, "spec.capacity")...)
}

func volumeColumns() []Column {
	type volume = corev1.PersistentVolume
	return []Column{
		text("Capacity", func(v *volume) string {
			q := v.Spec.Capacity[corev1.ResourceStorage]
			return q.String()
		}),
		text("Access Modes", func(v *volume) string { return accessModes(v.Spec.AccessModes) }),
		text("Reclaim Policy", func(v *volume) string { return string(v.Spec.PersistentVolumeReclaimPolicy) }),
		column("Status", "string", 0, func(v *volume, _ time.Time) any {
			if v.DeletionTimestamp != nil {
				return "Terminating"
			}
			return string(v.Status.Phase)
		}),
		text("Claim", func(v *volume) string {
			if v.Spec.ClaimRef == nil {
				return ""
			}
			return v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		}),
		text("StorageClass", func(v *volume) string {
			if class, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return v.Spec.StorageClassName
		}),
		text("VolumeAttributesClass", func(v *volume) string { return orUnset(v.Spec.VolumeAttributesClassName, "<unset>") }),
		text("Reason", func(v *volume) string { return v.Status.Reason }),
		ageColumn,
		wide("VolumeMode", func(v *volume) string { return orUnset(v.Spec.VolumeMode, "<unset>") }),
	}
}
