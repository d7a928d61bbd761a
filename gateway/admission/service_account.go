package admission

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const (
	defaultAccount   = "default"
	accessVolume     = "kube-api-access-"
	accessMountPath  = "/var/run/secrets/kubernetes.io/serviceaccount"
	accessNameLength = 5
)

// ServiceAccount gives every pod an account that is there, the account's pull secrets and, unless pod or account
// opt out, a volume with its token.
type ServiceAccount struct{}

// Name is the plugin's.
func (ServiceAccount) Name() string { return "ServiceAccount" }

// Admit completes a new pod.
func (ServiceAccount) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	pod, ok := created[*corev1.Pod](q, obj, old)
	if !ok {
		return nil
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return admitMirrorAccount(q, pod)
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount = defaultAccount, defaultAccount
	}
	account, err := accountOf(ctx, q, pod.Spec.ServiceAccountName)
	if err != nil {
		return err
	}
	if mountsToken(account, pod) {
		mountToken(pod)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 && len(account.ImagePullSecrets) > 0 {
		pod.Spec.ImagePullSecrets = append([]corev1.LocalObjectReference(nil), account.ImagePullSecrets...)
	}
	return nil
}

func accountOf(ctx context.Context, q *kind.Request, name string) (*corev1.ServiceAccount, error) {
	look := find
	if name == defaultAccount {
		look = await
	}
	obj, _, err := look(ctx, q, subject.ServiceAccounts, q.Namespace, name)
	if err != nil {
		return nil, err
	}
	if account, ok := obj.(*corev1.ServiceAccount); ok {
		return account, nil
	}
	return nil, refuse(q, "error looking up service account %s/%s: serviceaccount %q not found", q.Namespace, name, name)
}

func mountsToken(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	switch {
	case pod.Spec.AutomountServiceAccountToken != nil:
		return *pod.Spec.AutomountServiceAccountToken
	case account.AutomountServiceAccountToken != nil:
		return *account.AutomountServiceAccountToken
	}
	return true
}

// mountToken mounts the account's volume in each container that has nothing else at its path, and adds the volume
// if one does and the pod has none.
func mountToken(pod *corev1.Pod) {
	name, has := "", false
	for i := range pod.Spec.Volumes {
		if has = strings.HasPrefix(pod.Spec.Volumes[i].Name, accessVolume); has {
			name = pod.Spec.Volumes[i].Name
			break
		}
	}
	if !has {
		name = accessVolume + rand.String(accessNameLength)
	}
	mounted := mountIn(pod.Spec.InitContainers, name)
	mounted = mountIn(pod.Spec.Containers, name) || mounted
	if mounted && !has {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name: name, VolumeSource: corev1.VolumeSource{Projected: newAccess()},
		})
	}
}

func mountIn(containers []corev1.Container, volume string) (mounted bool) {
	for i := range containers {
		c := &containers[i]
		if !hasMountAt(c, accessMountPath) {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, ReadOnly: true, MountPath: accessMountPath})
			mounted = true
		}
	}
	return mounted
}

func hasMountAt(c *corev1.Container, path string) bool {
	for i := range c.VolumeMounts {
		if c.VolumeMounts[i].MountPath == path {
			return true
		}
	}
	return false
}

// admitMirror refuses a node's picture of a pod of its own if it would need the cluster's objects.
func admitMirrorAccount(q *kind.Request, pod *corev1.Pod) error {
	switch {
	case pod.Spec.ServiceAccountName != "":
		return refuse(q, "a mirror pod may not reference service accounts")
	case namesSecret(pod):
		return refuse(q, "a mirror pod may not reference secrets")
	case projectsToken(pod):
		return refuse(q, "a mirror pod may not use ServiceAccountToken volume projections")
	}
	return nil
}
