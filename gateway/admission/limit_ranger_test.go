package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

// amounts is a list of "name", "amount", ...
func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func rangeOf(items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{ObjectMeta: meta("shop", "r"), Spec: corev1.LimitRangeSpec{Limits: items}}
}

func using(name string, requests, limits corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Image: "x", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
}

func TestLimitRangerCompletes(t *testing.T) {
	t.Parallel()
	reader := &cluster{have: []kind.Object{rangeOf(corev1.LimitRangeItem{
		Type: corev1.LimitTypeContainer, Default: amounts("cpu", "1", "memory", "1Gi"), DefaultRequest: amounts("cpu", "100m"),
	})}}
	pod := podWith(corev1.PodSpec{
		Containers:     []corev1.Container{using("a", nil, amounts("memory", "2Gi")), using("b", amounts("cpu", "1"), amounts("cpu", "1", "memory", "1"))},
		InitContainers: []corev1.Container{using("i", amounts("cpu", "1"), nil)},
	})
	q := ask(reader, "create", "pods", "shop", "web")
	for range 2 {
		if err := (LimitRanger{}).Admit(context.Background(), q, pod, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := "LimitRanger plugin set: cpu request for container a; cpu limit for container a; cpu, memory limit for init container i"
	if got := pod.Annotations["kubernetes.io/limit-ranger"]; got != want {
		t.Errorf("annotation %q\nwant       %q", got, want)
	}
	a := pod.Spec.Containers[0].Resources
	if a.Requests.Cpu().String() != "100m" || a.Limits.Cpu().String() != "1" || a.Limits.Memory().String() != "2Gi" {
		t.Errorf("container a has %v", a)
	}
}

func TestLimitRangerRefuses(t *testing.T) {
	t.Parallel()
	container, whole := corev1.LimitTypeContainer, corev1.LimitTypePod
	const head = `pods "web" is forbidden: `
	for i, c := range []struct {
		item             corev1.LimitRangeItem
		requests, limits corev1.ResourceList
		want             string
	}{
		{corev1.LimitRangeItem{Type: container, Min: amounts("cpu", "1")}, amounts("cpu", "1"), amounts("cpu", "2"), ""},
		{corev1.LimitRangeItem{Type: container, Min: amounts("cpu", "1")}, nil, nil, head + "minimum cpu usage per Container is 1.  No request is specified"},
		{corev1.LimitRangeItem{Type: container, Min: amounts("cpu", "1")}, amounts("cpu", "500m"), nil, head + "minimum cpu usage per Container is 1, but request is 500m"},
		{corev1.LimitRangeItem{Type: container, Min: amounts("cpu", "1")}, amounts("cpu", "1"), amounts("cpu", "100m"), head + "minimum cpu usage per Container is 1, but limit is 100m"},
		{corev1.LimitRangeItem{Type: container, Max: amounts("cpu", "1")}, nil, nil, head + "maximum cpu usage per Container is 1.  No limit is specified"},
		{corev1.LimitRangeItem{Type: container, Max: amounts("cpu", "1")}, nil, amounts("cpu", "2"), head + "maximum cpu usage per Container is 1, but limit is 2"},
		{corev1.LimitRangeItem{Type: container, Max: amounts("cpu", "1", "memory", "1Gi")}, nil, amounts("cpu", "2"), head + "[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi.  No limit is specified]"},
		{corev1.LimitRangeItem{Type: container, MaxLimitRequestRatio: amounts("cpu", "2")}, amounts("cpu", "1"), amounts("cpu", "2"), ""},
		{corev1.LimitRangeItem{Type: container, MaxLimitRequestRatio: amounts("cpu", "2")}, nil, amounts("cpu", "2"), head + "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"},
		{corev1.LimitRangeItem{Type: container, MaxLimitRequestRatio: amounts("cpu", "2")}, amounts("cpu", "1"), nil, head + "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"},
		{corev1.LimitRangeItem{Type: container, MaxLimitRequestRatio: amounts("cpu", "2")}, amounts("cpu", "1"), amounts("cpu", "5"), head + "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000"},
		{corev1.LimitRangeItem{Type: whole, Max: amounts("memory", "3Gi")}, nil, amounts("memory", "2Gi"), head + "maximum memory usage per Pod is 3Gi, but limit is 4Gi"},
		{corev1.LimitRangeItem{Type: whole, Min: amounts("memory", "3Gi")}, amounts("memory", "2Gi"), nil, ""},
	} {
		pod := podWith(corev1.PodSpec{Containers: []corev1.Container{using("a", c.requests, c.limits)}})
		if c.item.Type == whole {
			pod.Spec.Containers = append(pod.Spec.Containers, using("b", c.requests, c.limits))
		}
		q := ask(&cluster{have: []kind.Object{rangeOf(c.item)}}, "create", "pods", "shop", "web")
		t.Log(i)
		wantText(t, LimitRanger{}.Validate(context.Background(), q, pod, nil), c.want)
		if c.want == "" {
			continue
		}
		q.Subresource = "resize"
		wantText(t, LimitRanger{}.Validate(context.Background(), q, pod, pod.DeepCopy()), c.want)
		q.Subresource = "status"
		wantText(t, LimitRanger{}.Validate(context.Background(), q, pod, pod.DeepCopy()), "")
	}
}

func claim(storage string, class *string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "disk"},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: class, Resources: corev1.VolumeResourceRequirements{Requests: amounts("storage", storage)},
		},
	}
}

func TestLimitRangerHoldsClaims(t *testing.T) {
	t.Parallel()
	reader := &cluster{have: []kind.Object{rangeOf(corev1.LimitRangeItem{
		Type: corev1.LimitTypePersistentVolumeClaim, Min: amounts("storage", "1Gi"), Max: amounts("storage", "5Gi"),
	})}}
	for size, want := range map[string]string{
		"2Gi": "",
		"1Mi": `persistentvolumeclaims "disk" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi`,
		"9Gi": `persistentvolumeclaims "disk" is forbidden: maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 9Gi`,
	} {
		wantText(t, LimitRanger{}.Validate(context.Background(), ask(reader, "create", "persistentvolumeclaims", "shop", "disk"), claim(size, nil), nil), want)
	}
}
