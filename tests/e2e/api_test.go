package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applyv1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	watchtools "k8s.io/client-go/tools/watch"
)

func administrator(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(shared.Data, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 200, 200
	return config
}

// configs is client-go's client of a new namespace's config maps.
func configs(t *testing.T) (*kubernetes.Clientset, typedv1.ConfigMapInterface, string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(administrator(t))
	if err != nil {
		t.Fatal(err)
	}
	ns := namespace(t)
	return client, client.CoreV1().ConfigMaps(ns), ns
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func config(name string, labels ...string) *corev1.ConfigMap {
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, label := range labels {
		c.Labels[label] = "yes"
	}
	return c
}

// An informer that streams its first list has all of it, and what comes after.
func TestInformer(t *testing.T) {
	t.Parallel()
	client, maps, ns := configs(t)
	ctx := within(t, 30*time.Second)
	for i := range 20 {
		must(maps.Create(ctx, config(fmt.Sprint("before-", i)), metav1.CreateOptions{}))(t)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	informer := factory.Core().V1().ConfigMaps()
	seen := make(chan string, 100)
	must(informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, now any) { seen <- "updated " + now.(*corev1.ConfigMap).Name },
		DeleteFunc: func(was any) { seen <- "deleted " + was.(*corev1.ConfigMap).Name },
	}))(t)
	running, stop := context.WithCancel(ctx)
	factory.StartWithContext(running)
	defer factory.Shutdown()
	defer stop()
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		t.Fatal("the informer does not sync")
	}
	have, err := informer.Lister().ConfigMaps(ns).Get("before-19")
	if err != nil {
		t.Fatal(err)
	}
	have = have.DeepCopy()
	have.Data = map[string]string{"a": "b"}
	must(maps.Update(ctx, have, metav1.UpdateOptions{}))(t)
	if err := maps.Delete(ctx, "before-19", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"updated before-19", "deleted before-19"} {
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("the informer says %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("the informer never says %q", want)
		}
	}
}

// A watch from an old resourceVersion tells everything since, once and in order.
func TestRetryWatcher(t *testing.T) {
	t.Parallel()
	_, maps, _ := configs(t)
	ctx := within(t, 30*time.Second)
	first := must(maps.Create(ctx, config("first"), metav1.CreateOptions{}))(t)
	for _, name := range []string{"second", "third"} {
		must(maps.Create(ctx, config(name), metav1.CreateOptions{}))(t)
	}
	if err := maps.Delete(ctx, "second", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w := must(watchtools.NewRetryWatcherWithContext(ctx, first.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return maps.Watch(ctx, o) },
	}))(t)
	defer w.Stop()
	for _, want := range []string{"ADDED second", "ADDED third", "DELETED second"} {
		for {
			e, ok := <-w.ResultChan()
			if !ok {
				t.Fatalf("the watch ended before %q", want)
			}
			c, ok := e.Object.(*corev1.ConfigMap)
			if !ok {
				t.Fatalf("the watch says %#v", e)
			}
			if c.Name == "kube-root-ca.crt" {
				continue
			}
			if got := fmt.Sprint(e.Type, " ", c.Name); got != want {
				t.Errorf("the watch says %q, want %q", got, want)
			}
			break
		}
	}
}

// Of two candidates one leads; when it lets go the other follows.
func TestLeaderElection(t *testing.T) {
	t.Parallel()
	client, _, ns := configs(t)
	ctx := within(t, 30*time.Second)
	led := make(chan string, 2)
	run := func(ctx context.Context, id string) <-chan struct{} {
		ended := make(chan struct{})
		lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Namespace: ns, Name: "lock"}, Client: client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: id}}
		go func() {
			defer close(ended)
			leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
				Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { led <- id }, OnStoppedLeading: func() {}},
			})
		}()
		return ended
	}
	one, resign := context.WithCancel(ctx)
	first := run(one, "one")
	if got := <-led; got != "one" {
		t.Fatalf("%s leads", got)
	}
	two, stop := context.WithCancel(ctx)
	second := run(two, "two")
	resign()
	<-first
	select {
	case got := <-led:
		if got != "two" {
			t.Errorf("%s leads", got)
		}
	case <-ctx.Done():
		t.Error("nobody follows")
	}
	stop()
	<-second
}

// A list in pages is one list: of one moment, each object once, whatever is written meanwhile.
func TestPages(t *testing.T) {
	t.Parallel()
	_, maps, _ := configs(t)
	ctx := within(t, 30*time.Second)
	for i := range 10 {
		must(maps.Create(ctx, config(fmt.Sprint("page-", i), "paged"), metav1.CreateOptions{}))(t)
	}
	var names []string
	options := metav1.ListOptions{LabelSelector: "paged", Limit: 3}
	for {
		page := must(maps.List(ctx, options))(t)
		for _, c := range page.Items {
			names = append(names, c.Name)
		}
		if options.Continue = page.Continue; options.Continue == "" {
			break
		}
		if err := maps.Delete(ctx, fmt.Sprint("page-", 10-len(names)/3), metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(names, " "); got != "page-0 page-1 page-2 page-3 page-4 page-5 page-6 page-7 page-8 page-9" {
		t.Errorf("the pages have %s", got)
	}
	if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "paged"}); err != nil {
		t.Fatal(err)
	}
	if left := must(maps.List(ctx, metav1.ListOptions{LabelSelector: "paged"}))(t); len(left.Items) != 0 {
		t.Errorf("%d are left of the collection", len(left.Items))
	}
	options = metav1.ListOptions{Limit: 1, Continue: "nonsense"}
	if _, err := maps.List(ctx, options); !apierrors.IsBadRequest(err) {
		t.Errorf("a nonsense continue token: %v", err)
	}
}

// What refuses a write says why in Kubernetes' words.
func TestWrites(t *testing.T) {
	t.Parallel()
	_, maps, ns := configs(t)
	ctx := within(t, 30*time.Second)
	said := func(err error, reason metav1.StatusReason, want string) {
		t.Helper()
		if apierrors.ReasonForError(err) != reason || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v\nwant %s: %s", err, reason, want)
		}
	}
	dry := must(maps.Create(ctx, config("dry"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}))(t)
	if dry.UID == "" || dry.Namespace != ns {
		t.Errorf("a dry run answers %v", dry)
	}
	_, err := maps.Get(ctx, "dry", metav1.GetOptions{})
	said(err, metav1.StatusReasonNotFound, `configmaps "dry" not found`)
	generated := must(maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "some-"}}, metav1.CreateOptions{}))(t)
	if len(generated.Name) != len("some-")+5 {
		t.Errorf("the generated name is %q", generated.Name)
	}
	kept := must(maps.Create(ctx, config("kept"), metav1.CreateOptions{}))(t)
	_, err = maps.Create(ctx, config("kept"), metav1.CreateOptions{})
	said(err, metav1.StatusReasonAlreadyExists, `configmaps "kept" already exists`)
	kept.Finalizers = []string{"example.com/hold"}
	newer := must(maps.Update(ctx, kept, metav1.UpdateOptions{}))(t)
	kept.Labels = map[string]string{"late": "yes"}
	_, err = maps.Update(ctx, kept, metav1.UpdateOptions{})
	said(err, metav1.StatusReasonConflict, `Operation cannot be fulfilled on configmaps "kept": the object has been modified; please apply your changes to the latest version and try again`)
	other := types.UID("another")
	err = maps.Delete(ctx, "kept", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	said(err, metav1.StatusReasonConflict, "Precondition failed: UID in precondition: another, UID in object meta: "+string(newer.UID))
	if err := maps.Delete(ctx, "kept", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if held := must(maps.Get(ctx, "kept", metav1.GetOptions{}))(t); held.DeletionTimestamp == nil {
		t.Error("a finalizer does not hold what is deleted")
	}
	_, err = maps.Patch(ctx, "kept", types.JSONPatchType, []byte(`[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/more"}]`), metav1.PatchOptions{})
	said(err, metav1.StatusReasonInvalid, "no new finalizers can be added if the object is being deleted")
	must(maps.Patch(ctx, "kept", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}))(t)
	_, err = maps.Get(ctx, "kept", metav1.GetOptions{})
	said(err, metav1.StatusReasonNotFound, `configmaps "kept" not found`)
}

// Typed server-side apply owns its fields, and the dynamic client reads what it wrote.
func TestApplyAndDynamic(t *testing.T) {
	t.Parallel()
	_, maps, ns := configs(t)
	ctx := within(t, 30*time.Second)
	mine := applyv1.ConfigMap("applied", ns).WithData(map[string]string{"a": "1", "b": "1"})
	must(maps.Apply(ctx, mine, metav1.ApplyOptions{FieldManager: "one"}))(t)
	theirs := applyv1.ConfigMap("applied", ns).WithData(map[string]string{"a": "2"})
	if _, err := maps.Apply(ctx, theirs, metav1.ApplyOptions{FieldManager: "two"}); !apierrors.IsConflict(err) {
		t.Errorf("a field of another manager: %v", err)
	}
	must(maps.Apply(ctx, applyv1.ConfigMap("applied", ns).WithData(map[string]string{"a": "1"}), metav1.ApplyOptions{FieldManager: "one"}))(t)
	client := must(dynamic.NewForConfig(administrator(t)))(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	got := must(client.Get(ctx, "applied", metav1.GetOptions{}))(t)
	data, _, err := unstructured.NestedStringMap(got.Object, "data")
	if err != nil || len(data) != 1 || data["a"] != "1" {
		t.Errorf("after b was no longer applied: %v %v", data, err)
	}
	got.SetName("copied")
	got.SetResourceVersion("")
	got.SetUID("")
	must(client.Create(ctx, got, metav1.CreateOptions{}))(t)
	if list := must(client.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=copied"}))(t); len(list.Items) != 1 {
		t.Errorf("%d have the name", len(list.Items))
	}
}

// Many writers that retry their conflicts lose no increment.
func TestConflictsLoseNothing(t *testing.T) {
	t.Parallel()
	_, maps, _ := configs(t)
	ctx := within(t, 30*time.Second)
	must(maps.Create(ctx, config("count"), metav1.CreateOptions{}))(t)
	var conflicts atomic.Int64
	ended := make(chan error)
	const writers, each = 4, 10
	add := func() error {
		for {
			c, err := maps.Get(ctx, "count", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if c.Data == nil {
				c.Data = map[string]string{}
			}
			c.Data["n"] += "x"
			if _, err = maps.Update(ctx, c, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				return err
			}
			conflicts.Add(1)
		}
	}
	for range writers {
		go func() {
			var err error
			for range each {
				err = errors.Join(err, add())
			}
			ended <- err
		}()
	}
	for range writers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if got := len(must(maps.Get(ctx, "count", metav1.GetOptions{}))(t).Data["n"]); got != writers*each {
		t.Errorf("%d increments of %d, after %d conflicts", got, writers*each, conflicts.Load())
	}
}
