package kind

import corev1 "k8s.io/api/core/v1"

// defaultVolume makes a volume without source an emptyDir and fills in modes.
func defaultVolume(v *corev1.VolumeSource) {
	if *v == (corev1.VolumeSource{}) {
		v.EmptyDir = new(corev1.EmptyDirVolumeSource)
		return
	}
	switch {
	case v.ConfigMap != nil:
		defaultMode(&v.ConfigMap.DefaultMode)
	case v.Secret != nil:
		defaultMode(&v.Secret.DefaultMode)
	case v.Projected != nil:
		defaultProjection(v.Projected)
	case v.DownwardAPI != nil:
		defaultMode(&v.DownwardAPI.DefaultMode)
		defaultDownwardItems(v.DownwardAPI.Items)
	case v.HostPath != nil:
		if v.HostPath.Type == nil {
			v.HostPath.Type = ptr(corev1.HostPathUnset)
		}
	case v.Ephemeral != nil:
		if t := v.Ephemeral.VolumeClaimTemplate; t != nil && t.Spec.VolumeMode == nil {
			t.Spec.VolumeMode = ptr(corev1.PersistentVolumeFilesystem)
		}
	case v.Image != nil:
		if v.Image.PullPolicy == "" {
			v.Image.PullPolicy = pullPolicy(v.Image.Reference)
		}
	default:
		defaultNetworkVolume(v)
	}
}

// defaultMode is 0644.
func defaultMode(m **int32) {
	if *m == nil {
		*m = ptr[int32](0o644)
	}
}

func defaultProjection(v *corev1.ProjectedVolumeSource) {
	defaultMode(&v.DefaultMode)
	for i := range v.Sources {
		s := &v.Sources[i]
		if s.ServiceAccountToken != nil && s.ServiceAccountToken.ExpirationSeconds == nil {
			s.ServiceAccountToken.ExpirationSeconds = ptr[int64](60 * 60)
		}
		if s.PodCertificate != nil && s.PodCertificate.MaxExpirationSeconds == nil {
			s.PodCertificate.MaxExpirationSeconds = ptr[int32](24 * 60 * 60)
		}
		if s.DownwardAPI != nil {
			defaultDownwardItems(s.DownwardAPI.Items)
		}
	}
}

func defaultDownwardItems(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		defaultFieldRef(items[i].FieldRef)
	}
}

func defaultNetworkVolume(v *corev1.VolumeSource) {
	switch {
	case v.ISCSI != nil:
		setDefault(&v.ISCSI.ISCSIInterface, "default")
	case v.RBD != nil:
		setDefault(&v.RBD.RBDPool, "rbd")
		setDefault(&v.RBD.RadosUser, "admin")
		setDefault(&v.RBD.Keyring, "/etc/ceph/keyring")
	case v.ScaleIO != nil:
		setDefault(&v.ScaleIO.StorageMode, "ThinProvisioned")
		setDefault(&v.ScaleIO.FSType, "xfs")
	case v.AzureDisk != nil:
		d := v.AzureDisk
		if d.CachingMode == nil {
			d.CachingMode = ptr(corev1.AzureDataDiskCachingReadWrite)
		}
		if d.Kind == nil {
			d.Kind = ptr(corev1.AzureSharedBlobDisk)
		}
		if d.FSType == nil {
			d.FSType = ptr("ext4")
		}
		if d.ReadOnly == nil {
			d.ReadOnly = new(bool)
		}
	}
}
