package rest_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

var quotas = subject.Resource{Name: "resourcequotas"}

// withQuotas is every kind, and quotas where they are not among them.
func withQuotas() []*kind.Kind {
	kinds := kind.All(kind.Hooks{})
	if slices.ContainsFunc(kinds, func(k *kind.Kind) bool { return k.SubjectResource() == quotas }) {
		return kinds
	}
	return append(kinds, &kind.Kind{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("ResourceQuota"), Resource: quotas.Name, Namespaced: true,
		New: func() kind.Object { return new(corev1.ResourceQuota) }, NewList: func() runtime.Object { return new(corev1.ResourceQuotaList) },
		Spec: func(obj kind.Object) any { return obj.(*corev1.ResourceQuota).Spec },
	})
}

// Two gateways over one journal, and many creates at once through both: never more than the quota allows.
func TestQuotaIsNeverOvercommitted(t *testing.T) {
	t.Parallel()
	const most, tries = 20, 60
	first := &world{Journals: map[subject.Stream]journal.Journal{}}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		first.Journals[s] = journal.NewMemory(nil)
	}
	second := &world{Journals: first.Journals}
	for _, w := range []*world{first, second} {
		w.View = view.New(view.Config{Kinds: withQuotas(), Journals: w.readers()})
		w.start(t, withQuotas(), []admission.Plugin{admission.ResourceQuota{}})
	}
	c, other := first.client(t, "application/json"), second.client(t, "application/json")
	quota, err := c.CoreV1().ResourceQuotas("shop").Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "q"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse(fmt.Sprint(most))}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var sequence uint64
	if _, err := fmt.Sscan(quota.ResourceVersion, &sequence); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*world{first, second} {
		if err := w.View.Table(quotas).WaitFor(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	var made, refused atomic.Int64
	var group sync.WaitGroup
	for i := range tries {
		client := c
		if i%2 == 1 {
			client = other
		}
		group.Go(func() {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i)}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}}
			switch _, err := client.CoreV1().Pods("shop").Create(t.Context(), pod, metav1.CreateOptions{}); {
			case err == nil:
				made.Add(1)
			case apierrors.IsForbidden(err):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made.Load() != most || refused.Load() != tries-most {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
	m, err := first.Journals[subject.State].GetLast(t.Context(), subject.Object{Resource: quotas, Namespace: "shop", Name: "q"}.Subject())
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Decode(m.Subject, m.Data)
	if err != nil || e.GetWhat() != eventv1.What_STATUS_CHANGED {
		t.Errorf("the quota's last event is %v, %v", e.GetWhat(), err)
	}
	now, err := c.CoreV1().ResourceQuotas("shop").Get(t.Context(), "q", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if used := now.Status.Used[corev1.ResourcePods]; used.Value() != most {
		t.Errorf("used %s", used.String())
	}
	// What is gone is no longer used.
	list, err := c.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != most {
		t.Fatalf("%d pods, %v", len(list.Items), err)
	}
	now0 := int64(0)
	if err := c.CoreV1().Pods("shop").Delete(t.Context(), list.Items[0].Name, metav1.DeleteOptions{GracePeriodSeconds: &now0}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "late"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
}
