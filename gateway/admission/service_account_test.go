package admission

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	mount := func(volume, path string) []corev1.Container {
		return []corev1.Container{{Name: "main", VolumeMounts: []corev1.VolumeMount{{Name: volume, MountPath: path}}}}
	}
	shy := account("shy")
	shy.AutomountServiceAccountToken = &no
	puller := account("puller")
	puller.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	have := []kind.Object{account("default"), shy, puller}
	for name, c := range map[string]struct {
		cluster          cluster
		spec             corev1.PodSpec
		account, secret  string
		volumes, mounted int
		want             string
	}{
		"the default":       {cluster: cluster{have: have}, account: "default", volumes: 1, mounted: 1},
		"the default comes": {cluster: cluster{coming: have}, account: "default", volumes: 1, mounted: 1},
		"no default":        {want: `pods "web" is forbidden: error looking up service account shop/default: serviceaccount "default" not found`},
		"one just made": {cluster: cluster{late: have}, spec: corev1.PodSpec{ServiceAccountName: "puller"},
			account: "puller", secret: "registry", volumes: 1, mounted: 1},
		"one that is not there": {cluster: cluster{have: have}, spec: corev1.PodSpec{ServiceAccountName: "ghost"},
			want: `pods "web" is forbidden: error looking up service account shop/ghost: serviceaccount "ghost" not found`},
		"its own secrets": {cluster: cluster{have: have}, spec: corev1.PodSpec{ServiceAccountName: "puller",
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "own"}}}, account: "puller", secret: "own", volumes: 1, mounted: 1},
		"the account wants no mount": {cluster: cluster{have: have}, spec: corev1.PodSpec{ServiceAccountName: "shy"}, account: "shy"},
		"the pod knows better": {cluster: cluster{have: have}, spec: corev1.PodSpec{ServiceAccountName: "shy", AutomountServiceAccountToken: &yes},
			account: "shy", volumes: 1, mounted: 1},
		"the pod wants no mount":      {cluster: cluster{have: have}, spec: corev1.PodSpec{AutomountServiceAccountToken: &no}, account: "default"},
		"something else in its place": {cluster: cluster{have: have}, spec: corev1.PodSpec{Containers: mount("own", accessMountPath)}, account: "default"},
		"beside other mounts": {cluster: cluster{have: have}, spec: corev1.PodSpec{Containers: mount("own", "/data"),
			InitContainers: []corev1.Container{{Name: "first"}}}, account: "default", volumes: 1, mounted: 2},
		"a volume of an earlier template": {cluster: cluster{have: have}, spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "kube-api-access-old"}}},
			account: "default", volumes: 1, mounted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podWith(c.spec)
			pod.Spec.Containers = slices.Clone(pod.Spec.Containers)
			err := ServiceAccount{}.Admit(context.Background(), ask(&c.cluster, "create", "pods", "shop", "web"), pod, nil)
			wantText(t, err, c.want)
			if err != nil {
				return
			}
			s := &pod.Spec
			if s.ServiceAccountName != c.account || len(s.Volumes) != c.volumes || mounts(s) != c.mounted {
				t.Errorf("account %s, %d volumes, %d mounts", s.ServiceAccountName, len(s.Volumes), mounts(s))
			}
			if c.secret != "" && (len(s.ImagePullSecrets) != 1 || s.ImagePullSecrets[0].Name != c.secret) {
				t.Errorf("pull secrets %v, want %s", s.ImagePullSecrets, c.secret)
			}
		})
	}
}

// mounts counts the containers that mount the account's volume where it belongs.
func mounts(s *corev1.PodSpec) (n int) {
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for _, c := range containers {
			for _, m := range c.VolumeMounts {
				if strings.HasPrefix(m.Name, accessVolume) && m.MountPath == accessMountPath && m.ReadOnly {
					n++
				}
			}
		}
	}
	return n
}

func TestAccessVolume(t *testing.T) {
	t.Parallel()
	got, err := yaml.Marshal(newAccess())
	if err != nil {
		t.Fatal(err)
	}
	const want = `defaultMode: 420
sources:
- serviceAccountToken:
    expirationSeconds: 3607
    path: token
- configMap:
    items:
    - key: ca.crt
      path: ca.crt
    name: kube-root-ca.crt
- downwardAPI:
    items:
    - fieldRef:
        apiVersion: v1
        fieldPath: metadata.namespace
      path: namespace
`
	if string(got) != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestMirrorPodsNeedNothing(t *testing.T) {
	t.Parallel()
	volume := func(s corev1.VolumeSource) corev1.PodSpec {
		return corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: s}}}
	}
	token := []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}
	env := []corev1.EnvVar{{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: new(corev1.SecretKeySelector)}}}
	for want, spec := range map[string]corev1.PodSpec{
		"": {},
		"a mirror pod may not reference service accounts": {ServiceAccountName: "default"},
		"a mirror pod may not reference secrets":          {Containers: []corev1.Container{{Name: "main", Env: env}}},
		"a mirror pod may not use ServiceAccountToken volume projections": volume(corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: token},
		}),
	} {
		pod := podWith(spec)
		pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
		err := ServiceAccount{}.Admit(context.Background(), ask(&cluster{}, "create", "pods", "shop", "web"), pod, nil)
		if want != "" {
			want = `pods "web" is forbidden: ` + want
		}
		wantText(t, err, want)
	}
}
