package rest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// lagging is a journal whose reader is held back until somebody asks for the last sequence.
type lagging struct {
	journal.Journal
	mu   sync.Mutex
	held chan struct{} // closed when reading goes on; nil if it is not held
}

func (l *lagging) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
}

func (l *lagging) Last(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
	l.mu.Unlock()
	return l.Journal.Last(ctx)
}

func (l *lagging) Read(ctx context.Context, from uint64, filters []string, fn func([]journal.Message, uint64) error) error {
	return l.Journal.Read(ctx, from, filters, func(batch []journal.Message, through uint64) error {
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held != nil {
			select {
			case <-held:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return fn(batch, through)
	})
}

// beside is a second server on a world's journals, whose view can be held back.
func (w *world) beside(t *testing.T) (*world, *lagging) {
	t.Helper()
	behind := &lagging{Journal: w.Journals[subject.State]}
	other := &world{Journals: map[subject.Stream]journal.Journal{}}
	for s, j := range w.Journals {
		other.Journals[s] = j
	}
	other.Journals[subject.State] = behind
	kinds := kind.All(kind.Hooks{})
	other.View = view.New(view.Config{Kinds: kinds, Journals: other.readers()})
	other.start(t, kinds, nil)
	return other, behind
}

// TestDecisionsOnOldViews writes by one gateway and at once by another that has not seen it: what the second decides
// without an append must be about the newest object all the same.
func TestDecisionsOnOldViews(t *testing.T) {
	t.Parallel()
	w := serve(t)
	other, behind := w.beside(t)
	first := w.client(t, "application/json").CoreV1().ConfigMaps("default")
	second := other.client(t, "application/json").CoreV1().ConfigMaps("default")
	for name, act := range map[string]func(name string, newest *corev1.ConfigMap) error{
		"what was written before": func(name string, _ *corev1.ConfigMap) error {
			if _, err := second.Patch(t.Context(), name, types.MergePatchType, []byte(`{"data":{"k":"old"}}`), metav1.PatchOptions{}); err != nil {
				return err
			}
			got, err := first.Get(t.Context(), name, metav1.GetOptions{})
			if err == nil && got.Data["k"] != "old" {
				err = fmt.Errorf("it is %q after it was written back", got.Data["k"])
			}
			return err
		},
		"a patch of the newest version": func(name string, newest *corev1.ConfigMap) error {
			_, err := second.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"data":{"k":"x"}}`, newest.ResourceVersion), metav1.PatchOptions{})
			return err
		},
		"an apply on the newest version": func(name string, newest *corev1.ConfigMap) error {
			_, err := second.Patch(t.Context(), name, types.ApplyYAMLPatchType, fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, resourceVersion: %q}\ndata: {j: x}", name, newest.ResourceVersion),
				metav1.PatchOptions{FieldManager: "m"})
			return err
		},
		"a test of what is newest": func(name string, _ *corev1.ConfigMap) error {
			_, err := second.Patch(t.Context(), name, types.JSONPatchType, []byte(`[{"op":"test","path":"/data/k","value":"new"},{"op":"add","path":"/data/j","value":"x"}]`), metav1.PatchOptions{})
			return err
		},
		"a deletion of the newest version": func(name string, newest *corev1.ConfigMap) error {
			return second.Delete(t.Context(), name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &newest.ResourceVersion}})
		},
		"a deletion of what was made anew": func(name string, _ *corev1.ConfigMap) error {
			if err := first.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
				return err
			}
			anew, err := first.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			return second.Delete(t.Context(), name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &anew.UID}})
		},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share the lag
			const object = "lag"
			made, err := first.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: object}, Data: map[string]string{"k": "old"}}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := second.Get(t.Context(), object, metav1.GetOptions{}); err != nil { // the other has seen that
				t.Fatal(err)
			}
			behind.hold()
			made.Data["k"] = "new"
			newest, err := first.Update(t.Context(), made, metav1.UpdateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := act(object, newest); err != nil {
				t.Error(err)
			}
			_ = first.Delete(t.Context(), object, metav1.DeleteOptions{}) // it may be gone
		})
	}
}
