package admission

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// ServiceAccount gives a pod its account, the account's pull secrets, and a mount of the token, the
// cluster's certificates and the namespace.
type ServiceAccount struct{}

var _ Plugin = ServiceAccount{}

const (
	defaultAccount    = "default"
	tokenVolumePrefix = "kube-api-access-"
	tokenMountPath    = "/var/run/secrets/kubernetes.io/serviceaccount"
	rootCertificates  = "kube-root-ca.crt"
	// tokenSeconds is an hour and a little, which tells these tokens from those asked for by users.
	tokenSeconds = 3607
	// A namespace's default account is made just after the namespace: a pod that comes
	// in between waits for it, for at most accountTries ticks.
	accountTick  = 50 * time.Millisecond
	accountTries = 40
)

// Name is the plugin's.
func (ServiceAccount) Name() string { return "ServiceAccount" }

// Admit completes pods that are created.
func (ServiceAccount) Admit(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	pod, ok := creates[*corev1.Pod](r, obj, old)
	if !ok {
		return nil
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return nil
	}
	spec := &pod.Spec
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = defaultAccount
	}
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
	account, ok := waitForAccount(ctx, r, spec.ServiceAccountName)
	if !ok {
		return forbid(r, pod.Name, fmt.Errorf("error looking up service account %s/%s: serviceaccount %q not found",
			r.Namespace, spec.ServiceAccountName, spec.ServiceAccountName))
	}
	if mountsToken(spec, account) {
		mountToken(spec)
	}
	if len(spec.ImagePullSecrets) == 0 {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, account.ImagePullSecrets...)
	}
	return nil
}

func waitForAccount(ctx context.Context, r *kind.Request, name string) (*corev1.ServiceAccount, bool) {
	get := func() (*corev1.ServiceAccount, bool) {
		found, ok := r.Reader.Get(subject.ServiceAccounts, r.Namespace, name)
		if !ok {
			return nil, false
		}
		account, ok := found.(*corev1.ServiceAccount)
		return account, ok
	}
	account, ok := get()
	if ok || name != defaultAccount {
		return account, ok
	}
	tick := time.NewTicker(accountTick)
	defer tick.Stop()
	for range accountTries {
		select {
		case <-ctx.Done():
			return nil, false
		case <-tick.C:
		}
		if account, ok := get(); ok {
			return account, true
		}
	}
	return nil, false
}

func mountsToken(s *corev1.PodSpec, account *corev1.ServiceAccount) bool {
	if s.AutomountServiceAccountToken != nil {
		return *s.AutomountServiceAccountToken
	}
	return account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken
}

// mountToken mounts the volume wherever nothing else is mounted in its place.
func mountToken(s *corev1.PodSpec) {
	name, exists := "", false
	for i := range s.Volumes {
		if strings.HasPrefix(s.Volumes[i].Name, tokenVolumePrefix) {
			name, exists = s.Volumes[i].Name, true
		}
	}
	if !exists {
		name = tokenVolumePrefix + rand.String(5)
	}
	needed := mountIn(s.InitContainers, name)
	needed = mountIn(s.Containers, name) || needed
	if needed && !exists {
		s.Volumes = append(s.Volumes, corev1.Volume{Name: name, VolumeSource: tokenVolume()})
	}
}

func mountIn(containers []corev1.Container, volume string) (mounted bool) {
	for i := range containers {
		c := &containers[i]
		if hasMount(c, tokenMountPath) {
			continue
		}
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, ReadOnly: true, MountPath: tokenMountPath})
		mounted = true
	}
	return mounted
}

func hasMount(c *corev1.Container, path string) bool {
	for i := range c.VolumeMounts {
		if c.VolumeMounts[i].MountPath == path {
			return true
		}
	}
	return false
}

func tokenVolume() corev1.VolumeSource {
	mode, seconds := int32(0o644), int64(tokenSeconds)
	return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: rootCertificates},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
			}}}},
		},
	}}
}
