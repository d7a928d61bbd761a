package view_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	"taffrail.dev/gateway/view"
)

var _ admission.Current = (*view.View)(nil)

// open is a running view over journals in memory, and who writes to them.
func open(t *testing.T) (*view.View, *rest.Server) {
	t.Helper()
	journals := map[subject.Stream]journal.Journal{}
	readers := map[subject.Stream]journal.Reader{}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		j := journal.NewMemory(nil)
		journals[s], readers[s] = j, j
	}
	kinds := kind.All(kind.Hooks{})
	v := view.New(view.Config{Kinds: kinds, Journals: readers})
	server, err := rest.New(rest.Config{Kinds: kinds, View: v, Journals: journals})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v, server
}

func create(t *testing.T, server *rest.Server, name string) {
	t.Helper()
	body, err := (&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	call := &rest.Call{Body: body, ContentType: command.Protobuf}
	call.Verb = "create"
	if err := server.Resolve(call, subject.Object{Resource: subject.ServiceAccounts, Namespace: "shop", Name: name}, "v1", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	v, server := open(t)
	got := make(chan kind.Object, 1)
	go func() {
		obj, _ := v.Await(t.Context(), subject.ServiceAccounts, "shop", "default")
		got <- obj
	}()
	create(t, server, "other")
	create(t, server, "default")
	if obj := <-got; obj == nil || obj.GetName() != "default" {
		t.Errorf("got %v", obj)
	}
	if obj, ok := v.Await(t.Context(), subject.ServiceAccounts, "shop", "other"); !ok || obj.GetName() != "other" {
		t.Errorf("got %v", obj)
	}
}

func TestAwaitEnds(t *testing.T) {
	t.Parallel()
	v, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := v.Await(ctx, subject.ServiceAccounts, "shop", "default"); ok {
		t.Error("found what nobody made")
	}
	if _, ok := v.Await(t.Context(), subject.Resource{Group: "x", Name: "ys"}, "", "z"); ok {
		t.Error("found an object of no kind")
	}
}

func TestCatchUp(t *testing.T) {
	t.Parallel()
	v, server := open(t)
	for _, name := range []string{"a", "b", "c"} {
		create(t, server, name)
		if err := v.CatchUp(t.Context(), subject.ServiceAccounts); err != nil {
			t.Fatal(err)
		}
		if _, ok := v.Get(subject.ServiceAccounts, "shop", name); !ok {
			t.Errorf("caught up without %s", name)
		}
	}
	if err := v.CatchUp(t.Context(), subject.Resource{Group: "x", Name: "ys"}); err != nil {
		t.Error(err)
	}
}
