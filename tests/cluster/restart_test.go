package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/tests/instance"
)

// identity is what must not change by itself.
type identity struct {
	uid     types.UID
	version string
}

// After a restart every object has the resourceVersion and the uid that it had, and a watch from before goes
// on where it was: each event once, in order.
func TestRestartIsUnseen(t *testing.T) {
	t.Parallel()
	const objects = 2000
	setup := instance.Setup{Binary: binary(t), Data: dataDir(t)}
	i := start(t, setup)
	create(t, i, "old", objects)
	before, version := identities(t, i)
	if len(before) < objects {
		t.Fatalf("there are %d objects", len(before))
	}
	create(t, i, "between", 100)
	first := events(t, i, version, 50) // and then the connection is gone
	if err := i.Stop(); err != nil {
		t.Fatal(err)
	}
	i = start(t, setup)
	after, _ := identities(t, i)
	for name, was := range before {
		if is := after[name]; is != was {
			t.Errorf("%s was %v and is %v", name, was, is)
		}
	}
	create(t, i, "new", 100)
	got := append(first, events(t, i, first[len(first)-1].version, 150)...)
	seen, last := map[string]bool{}, uint64(0)
	for _, e := range got {
		at, err := strconv.ParseUint(e.version, 10, 64)
		if err != nil || at <= last || e.kind != "ADDED" || seen[e.name] {
			t.Errorf("after %d comes %+v, %v", last, e, err)
		}
		seen[e.name], last = true, at
	}
	t.Logf("%d objects as they were, %d events once and in order; started again in %v", len(before), len(got), i.Ready)
}

func create(t *testing.T, i *instance.Instance, prefix string, count int) {
	t.Helper()
	client := httpClient(i)
	defer client.CloseIdleConnections()
	const at = 20
	var group sync.WaitGroup
	for w := range at {
		group.Go(func() {
			for n := w; n < count; n += at {
				name := fmt.Sprintf("%s-%d", prefix, n)
				code, text, err := send(t.Context(), client, http.MethodPost, i.URL+"/api/v1/namespaces/default/configmaps", "application/json", configMap(name, name))
				if err != nil || code != http.StatusCreated {
					t.Errorf("%s: %v, %d %s", name, err, code, text)
					return
				}
			}
		})
	}
	group.Wait()
}

func identities(t *testing.T, i *instance.Instance) (map[string]identity, string) {
	t.Helper()
	list, err := clientOf(t, i).CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]identity, len(list.Items))
	for _, cm := range list.Items {
		all[cm.Namespace+"/"+cm.Name] = identity{cm.UID, cm.ResourceVersion}
	}
	return all, list.ResourceVersion
}

// event is one of a watch.
type event struct{ kind, name, version string }

// events are the next so many after a version.
func events(t *testing.T, i *instance.Instance, version string, count int) []event {
	t.Helper()
	client := httpClient(i)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/api/v1/namespaces/default/configmaps?watch=true&resourceVersion="+version, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got []event
	for lines := json.NewDecoder(response.Body); len(got) < count; {
		var line struct {
			Type   string
			Object corev1.ConfigMap
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("after %d of %d events: %v", len(got), count, err)
		}
		got = append(got, event{line.Type, line.Object.Name, line.Object.ResourceVersion})
	}
	return got
}
