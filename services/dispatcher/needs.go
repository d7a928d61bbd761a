package dispatcher

import (
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
)

// needsOf are the configmaps and secrets that a pod names, each once. They need not
// exist.
func needsOf(pod *corev1.Pod) []subject.Object {
	n := needs{namespace: pod.Namespace, seen: map[subject.Object]bool{}}
	for i := range pod.Spec.ImagePullSecrets {
		n.secret(pod.Spec.ImagePullSecrets[i].Name)
	}
	for i := range pod.Spec.Volumes {
		n.volume(&pod.Spec.Volumes[i])
	}
	for i := range pod.Spec.InitContainers {
		n.environment(pod.Spec.InitContainers[i].Env, pod.Spec.InitContainers[i].EnvFrom)
	}
	for i := range pod.Spec.Containers {
		n.environment(pod.Spec.Containers[i].Env, pod.Spec.Containers[i].EnvFrom)
	}
	for i := range pod.Spec.EphemeralContainers {
		n.environment(pod.Spec.EphemeralContainers[i].Env, pod.Spec.EphemeralContainers[i].EnvFrom)
	}
	return n.list
}

type needs struct {
	namespace string
	seen      map[subject.Object]bool
	list      []subject.Object
}

func (n *needs) add(r subject.Resource, name string) {
	o := subject.Object{Resource: r, Namespace: n.namespace, Name: name}
	if name != "" && !n.seen[o] {
		n.seen[o] = true
		n.list = append(n.list, o)
	}
}

func (n *needs) config(name string) { n.add(subject.ConfigMaps, name) }
func (n *needs) secret(name string) { n.add(subject.Secrets, name) }

func (n *needs) environment(env []corev1.EnvVar, from []corev1.EnvFromSource) {
	for i := range from {
		if s := from[i].ConfigMapRef; s != nil {
			n.config(s.Name)
		}
		if s := from[i].SecretRef; s != nil {
			n.secret(s.Name)
		}
	}
	for i := range env {
		source := env[i].ValueFrom
		if source == nil {
			continue
		}
		if source.ConfigMapKeyRef != nil {
			n.config(source.ConfigMapKeyRef.Name)
		}
		if source.SecretKeyRef != nil {
			n.secret(source.SecretKeyRef.Name)
		}
	}
}

func (n *needs) volume(v *corev1.Volume) {
	if v.ConfigMap != nil {
		n.config(v.ConfigMap.Name)
	}
	if v.Secret != nil {
		n.secret(v.Secret.SecretName)
	}
	if v.Projected != nil {
		for i := range v.Projected.Sources {
			s := &v.Projected.Sources[i]
			if s.ConfigMap != nil {
				n.config(s.ConfigMap.Name)
			}
			if s.Secret != nil {
				n.secret(s.Secret.Name)
			}
		}
	}
	for _, ref := range volumeSecrets(v) {
		if ref != nil {
			n.secret(ref.Name)
		}
	}
}

// volumeSecrets are the credentials that a volume's driver is given.
func volumeSecrets(v *corev1.Volume) []*corev1.LocalObjectReference {
	var out []*corev1.LocalObjectReference
	if v.CSI != nil {
		out = append(out, v.CSI.NodePublishSecretRef)
	}
	if v.CephFS != nil {
		out = append(out, v.CephFS.SecretRef)
	}
	if v.RBD != nil {
		out = append(out, v.RBD.SecretRef)
	}
	if v.ISCSI != nil {
		out = append(out, v.ISCSI.SecretRef)
	}
	if v.FlexVolume != nil {
		out = append(out, v.FlexVolume.SecretRef)
	}
	return out
}
