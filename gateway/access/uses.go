package access

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// uses says whether a pod's spec names a Secret, ConfigMap or ServiceAccount of its namespace.
func uses(pod *corev1.Pod, resource, name string) bool {
	switch resource {
	case "serviceaccounts":
		return cmp.Or(pod.Spec.ServiceAccountName, "default") == name
	case "secrets":
		pulls := func(r corev1.LocalObjectReference) bool { return r.Name == name }
		return slices.ContainsFunc(pod.Spec.ImagePullSecrets, pulls) ||
			slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return volumeUsesSecret(&v.VolumeSource, name) }) ||
			anyContainer(pod, func(env []corev1.EnvVar, from []corev1.EnvFromSource) bool { return envUsesSecret(env, from, name) })
	case "configmaps":
		return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return volumeUsesConfigMap(&v.VolumeSource, name) }) ||
			anyContainer(pod, func(env []corev1.EnvVar, from []corev1.EnvFromSource) bool { return envUsesConfigMap(env, from, name) })
	}
	return false
}

func anyContainer(pod *corev1.Pod, has func([]corev1.EnvVar, []corev1.EnvFromSource) bool) bool {
	container := func(c corev1.Container) bool { return has(c.Env, c.EnvFrom) }
	return slices.ContainsFunc(pod.Spec.InitContainers, container) || slices.ContainsFunc(pod.Spec.Containers, container) ||
		slices.ContainsFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return has(c.Env, c.EnvFrom) })
}

func volumeUsesSecret(v *corev1.VolumeSource, name string) bool {
	local := func(r *corev1.LocalObjectReference) bool { return r != nil && r.Name == name }
	switch {
	case v.Secret != nil:
		return v.Secret.SecretName == name
	case v.Projected != nil:
		return slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool {
			return p.Secret != nil && p.Secret.Name == name
		})
	case v.CSI != nil:
		return local(v.CSI.NodePublishSecretRef)
	case v.ISCSI != nil:
		return local(v.ISCSI.SecretRef)
	case v.CephFS != nil:
		return local(v.CephFS.SecretRef)
	case v.FlexVolume != nil:
		return local(v.FlexVolume.SecretRef)
	}
	return false
}

func volumeUsesConfigMap(v *corev1.VolumeSource, name string) bool {
	switch {
	case v.ConfigMap != nil:
		return v.ConfigMap.Name == name
	case v.Projected != nil:
		return slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool {
			return p.ConfigMap != nil && p.ConfigMap.Name == name
		})
	}
	return false
}

func envUsesSecret(env []corev1.EnvVar, from []corev1.EnvFromSource, name string) bool {
	return slices.ContainsFunc(env, func(e corev1.EnvVar) bool {
		return e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && e.ValueFrom.SecretKeyRef.Name == name
	}) || slices.ContainsFunc(from, func(f corev1.EnvFromSource) bool { return f.SecretRef != nil && f.SecretRef.Name == name })
}

func envUsesConfigMap(env []corev1.EnvVar, from []corev1.EnvFromSource, name string) bool {
	return slices.ContainsFunc(env, func(e corev1.EnvVar) bool {
		return e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil && e.ValueFrom.ConfigMapKeyRef.Name == name
	}) || slices.ContainsFunc(from, func(f corev1.EnvFromSource) bool { return f.ConfigMapRef != nil && f.ConfigMapRef.Name == name })
}
