package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// namesSecret says whether a pod's spec names a Secret, namesConfigMap a ConfigMap, claimsVolume a
// PersistentVolumeClaim, projectsToken whether a volume of it has a token.
func namesSecret(pod *corev1.Pod) bool {
	return len(pod.Spec.ImagePullSecrets) > 0 || slices.ContainsFunc(pod.Spec.Volumes, volumeNamesSecret) ||
		anyEnv(pod, func(v *corev1.EnvVarSource) bool { return v.SecretKeyRef != nil },
			func(f *corev1.EnvFromSource) bool { return f.SecretRef != nil })
}

func namesConfigMap(pod *corev1.Pod) bool {
	return anyVolume(pod, func(v *corev1.Volume) bool { return v.ConfigMap != nil }, func(p *corev1.VolumeProjection) bool { return p.ConfigMap != nil }) ||
		anyEnv(pod, func(v *corev1.EnvVarSource) bool { return v.ConfigMapKeyRef != nil },
			func(f *corev1.EnvFromSource) bool { return f.ConfigMapRef != nil })
}

func claimsVolume(pod *corev1.Pod) bool {
	return anyVolume(pod, func(v *corev1.Volume) bool { return v.PersistentVolumeClaim != nil }, none)
}

func projectsToken(pod *corev1.Pod) bool {
	return anyVolume(pod, func(*corev1.Volume) bool { return false }, func(p *corev1.VolumeProjection) bool { return p.ServiceAccountToken != nil })
}

func none(*corev1.VolumeProjection) bool { return false }

func volumeNamesSecret(v corev1.Volume) bool {
	switch {
	case v.Projected != nil:
		return slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool { return p.Secret != nil })
	case v.CephFS != nil:
		return v.CephFS.SecretRef != nil
	case v.Cinder != nil:
		return v.Cinder.SecretRef != nil
	case v.FlexVolume != nil:
		return v.FlexVolume.SecretRef != nil
	case v.RBD != nil:
		return v.RBD.SecretRef != nil
	case v.ISCSI != nil:
		return v.ISCSI.SecretRef != nil
	case v.StorageOS != nil:
		return v.StorageOS.SecretRef != nil
	case v.CSI != nil:
		return v.CSI.NodePublishSecretRef != nil
	}
	return v.Secret != nil || v.AzureFile != nil || v.ScaleIO != nil
}

func anyVolume(pod *corev1.Pod, volume func(*corev1.Volume) bool, projection func(*corev1.VolumeProjection) bool) bool {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if volume(v) {
			return true
		}
		if v.Projected == nil {
			continue
		}
		for j := range v.Projected.Sources {
			if projection(&v.Projected.Sources[j]) {
				return true
			}
		}
	}
	return false
}

// anyEnv looks at the environment of all containers.
func anyEnv(pod *corev1.Pod, value func(*corev1.EnvVarSource) bool, from func(*corev1.EnvFromSource) bool) bool {
	has := func(env []corev1.EnvVar, sources []corev1.EnvFromSource) bool {
		return slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.ValueFrom != nil && value(e.ValueFrom) }) ||
			slices.ContainsFunc(sources, func(f corev1.EnvFromSource) bool { return from(&f) })
	}
	container := func(c corev1.Container) bool { return has(c.Env, c.EnvFrom) }
	return slices.ContainsFunc(pod.Spec.Containers, container) || slices.ContainsFunc(pod.Spec.InitContainers, container) ||
		slices.ContainsFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return has(c.Env, c.EnvFrom) })
}
