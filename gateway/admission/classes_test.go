package admission

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

func classMeta(name, annotation string, age int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Annotations: map[string]string{annotation: "true"}, CreationTimestamp: metav1.NewTime(time.Unix(-age, 0))}
}

func TestDefaultClasses(t *testing.T) {
	t.Parallel()
	const storage, beta = "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"
	reader := &cluster{have: []kind.Object{
		&storagev1.StorageClass{ObjectMeta: classMeta("a-old", storage, 9)}, &storagev1.StorageClass{ObjectMeta: classMeta("b-new", beta, 1)},
		&storagev1.StorageClass{ObjectMeta: classMeta("c-new", storage, 1)}, &storagev1.StorageClass{ObjectMeta: classMeta("d-other", "x", 0)},
		&networkingv1.IngressClass{ObjectMeta: classMeta("web", networkingv1.AnnotationIsDefaultIngressClass, 0)},
	}}
	none := ""
	for i, c := range []struct {
		claim *corev1.PersistentVolumeClaim
		want  string
	}{{claim("1", nil), "b-new"}, {claim("1", &none), ""}} {
		q := ask(reader, "create", "persistentvolumeclaims", "shop", "disk")
		if err := (DefaultStorageClass{}).Admit(context.Background(), q, c.claim, nil); err != nil || *c.claim.Spec.StorageClassName != c.want {
			t.Errorf("%d: class %q, want %q: %v", i, *c.claim.Spec.StorageClassName, c.want, err)
		}
	}
	ingress, old := &networkingv1.Ingress{}, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/ingress.class": "x"}}}
	for _, o := range []*networkingv1.Ingress{ingress, old} {
		if err := (DefaultIngressClass{}).Admit(context.Background(), ask(reader, "create", "ingresses", "shop", "i"), o, nil); err != nil {
			t.Error(err)
		}
	}
	if *ingress.Spec.IngressClassName != "web" || old.Spec.IngressClassName != nil {
		t.Errorf("classes %v, %v", ingress.Spec.IngressClassName, old.Spec.IngressClassName)
	}
	alone := claim("1", nil)
	if err := (DefaultStorageClass{}).Admit(context.Background(), ask(&cluster{}, "create", "persistentvolumeclaims", "shop", "disk"), alone, nil); err != nil || alone.Spec.StorageClassName != nil {
		t.Errorf("without a default: %v, %v", alone.Spec.StorageClassName, err)
	}
}

func TestStorageIsProtected(t *testing.T) {
	t.Parallel()
	disk, volume := claim("1", nil), &corev1.PersistentVolume{}
	for range 2 {
		for resource, obj := range map[string]kind.Object{"persistentvolumeclaims": disk, "persistentvolumes": volume} {
			if err := (StorageObjectInUseProtection{}).Admit(context.Background(), ask(&cluster{}, "create", resource, "", "x"), obj, nil); err != nil {
				t.Error(err)
			}
		}
	}
	if len(disk.Finalizers) != 1 || disk.Finalizers[0] != "kubernetes.io/pvc-protection" || len(volume.Finalizers) != 1 || volume.Finalizers[0] != "kubernetes.io/pv-protection" {
		t.Errorf("finalizers %v, %v", disk.Finalizers, volume.Finalizers)
	}
}

func TestClaimsGrow(t *testing.T) {
	t.Parallel()
	yes, elastic, rigid := true, "elastic", "rigid"
	reader := &cluster{have: []kind.Object{
		&storagev1.StorageClass{ObjectMeta: meta("", elastic), AllowVolumeExpansion: &yes}, &storagev1.StorageClass{ObjectMeta: meta("", rigid)},
	}}
	const head = `persistentvolumeclaims "disk" is forbidden: `
	const rigidText = head + "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
	for _, c := range []struct {
		size  string
		class *string
		phase corev1.PersistentVolumeClaimPhase
		want  string
	}{
		{"2Gi", &elastic, corev1.ClaimBound, ""}, {"1Gi", nil, corev1.ClaimPending, ""},
		{"2Gi", &elastic, corev1.ClaimPending, head + "Only bound persistent volume claims can be expanded"},
		{"2Gi", &rigid, corev1.ClaimBound, rigidText}, {"2Gi", nil, corev1.ClaimBound, rigidText},
	} {
		was := claim("1Gi", c.class)
		was.Status.Phase = c.phase
		q := ask(reader, "update", "persistentvolumeclaims", "shop", "disk")
		wantText(t, PersistentVolumeClaimResize{}.Validate(context.Background(), q, claim(c.size, c.class), was), c.want)
	}
}

func TestRuntimeClass(t *testing.T) {
	t.Parallel()
	reader := &cluster{have: []kind.Object{
		&nodev1.RuntimeClass{ObjectMeta: meta("", "plain")},
		&nodev1.RuntimeClass{
			ObjectMeta: meta("", "vm"), Overhead: &nodev1.Overhead{PodFixed: amounts("cpu", "250m")},
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"vm": "yes"}, Tolerations: []corev1.Toleration{{Key: "vm"}}},
		},
	}}
	const head = `pods "web" is forbidden: `
	for name, c := range map[string]struct {
		class          string
		spec           corev1.PodSpec
		admit, certain string
	}{
		"none":            {"", corev1.PodSpec{}, "", ""},
		"plain":           {"plain", corev1.PodSpec{}, "", ""},
		"vm":              {"vm", corev1.PodSpec{}, "", ""},
		"vm, as it wants": {"vm", corev1.PodSpec{Overhead: amounts("cpu", "250m"), NodeSelector: map[string]string{"vm": "yes"}}, "", ""},
		"unknown":         {"x", corev1.PodSpec{}, head + `pod rejected: RuntimeClass "x" not found`, head + `pod rejected: RuntimeClass "x" not found`},
		"overhead":        {"vm", corev1.PodSpec{Overhead: amounts("cpu", "1")}, head + "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead", head + "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"},
		"own overhead":    {"plain", corev1.PodSpec{Overhead: amounts("cpu", "1")}, "", head + "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"},
		"no class":        {"", corev1.PodSpec{Overhead: amounts("cpu", "1")}, "", head + "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"},
		"elsewhere":       {"vm", corev1.PodSpec{NodeSelector: map[string]string{"vm": "no"}}, head + "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no", ""},
	} {
		if c.class != "" {
			c.spec.RuntimeClassName = &c.class
		}
		t.Log(name)
		pod, q := podWith(c.spec), ask(reader, "create", "pods", "shop", "web")
		wantText(t, RuntimeClass{}.Admit(context.Background(), q, pod, nil), c.admit)
		wantText(t, RuntimeClass{}.Validate(context.Background(), q, pod, nil), c.certain)
		if name == "vm" && (pod.Spec.NodeSelector["vm"] != "yes" || len(pod.Spec.Tolerations) != 1 || len(pod.Spec.Overhead) != 1) {
			t.Errorf("completed to %v", pod.Spec)
		}
	}
}
