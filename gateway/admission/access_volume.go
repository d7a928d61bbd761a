package admission

import corev1 "k8s.io/api/core/v1"

const (
	// tokenSeconds is an hour and what Kubernetes adds by which its API server knows tokens mounted by default.
	tokenSeconds = 3607
	accessMode   = 0o644
	rootCA       = "kube-root-ca.crt"
)

// access is all that the volume of a pod's account is made of, in one piece of memory.
type access struct {
	volume  corev1.ProjectedVolumeSource
	sources [3]corev1.VolumeProjection
	mode    int32

	token   corev1.ServiceAccountTokenProjection
	seconds int64

	ca      corev1.ConfigMapProjection
	caItems [1]corev1.KeyToPath

	downward  corev1.DownwardAPIProjection
	files     [1]corev1.DownwardAPIVolumeFile
	namespace corev1.ObjectFieldSelector
}

// newAccess is the volume by which a pod reaches the API: a token, whom to trust, and the pod's namespace.
func newAccess() *corev1.ProjectedVolumeSource {
	a := &access{mode: accessMode, seconds: tokenSeconds}
	a.token = corev1.ServiceAccountTokenProjection{Path: corev1.ServiceAccountTokenKey, ExpirationSeconds: &a.seconds}
	a.caItems[0] = corev1.KeyToPath{Key: corev1.ServiceAccountRootCAKey, Path: corev1.ServiceAccountRootCAKey}
	a.ca = corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: rootCA}, Items: a.caItems[:]}
	a.namespace = corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}
	a.files[0] = corev1.DownwardAPIVolumeFile{Path: corev1.ServiceAccountNamespaceKey, FieldRef: &a.namespace}
	a.downward = corev1.DownwardAPIProjection{Items: a.files[:]}
	a.sources = [3]corev1.VolumeProjection{{ServiceAccountToken: &a.token}, {ConfigMap: &a.ca}, {DownwardAPI: &a.downward}}
	a.volume = corev1.ProjectedVolumeSource{Sources: a.sources[:], DefaultMode: &a.mode}
	return &a.volume
}
