package cluster

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"taffrail.dev/tests/instance"
)

// The end of a namespace is the end of all that it holds, of whatever kind, and what an object owns goes with it.
func TestKindsGoWithTheirNamespaceAndOwner(t *testing.T) {
	t.Parallel()
	i := start(t, instance.Setup{Binary: binary(t), Data: dataDir(t)})
	client := clientOf(t, i)
	ending := []string{"gone", "kept"}
	for _, n := range ending {
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	owner, err := client.CoreV1().ConfigMaps("kept").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []made
	for _, n := range ending {
		all = append(all, makeAll(t, i, n, owner)...)
	}
	if err := client.CoreV1().Namespaces().Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().ConfigMaps("kept").Delete(t.Context(), "owner", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the namespace", func() error {
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), "gone", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there: %v", err)
		}
		return nil
	})
	await(t, "the end of everything", func() error {
		var left []error
		for _, m := range all {
			if _, err := m.of.Get(t.Context(), m.name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				left = append(left, fmt.Errorf("%s: %v", m.kind, err))
			}
		}
		return errors.Join(left...)
	})
}

// made is an object, and where it is.
type made struct {
	of         dynamic.ResourceInterface
	kind, name string
}

// makeAll makes one object of each kind in a namespace, in "kept" owned by owner, and returns them.
func makeAll(t *testing.T, i *instance.Instance, namespace string, owner *corev1.ConfigMap) (all []made) {
	t.Helper()
	text, err := os.ReadFile("testdata/kinds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(restConfig(t, i))
	if err != nil {
		t.Fatal(err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clientOf(t, i).Discovery()))
	for doc := range strings.SplitSeq(string(text), "---\n") {
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &obj.Object); err != nil {
			t.Fatal(err)
		}
		if namespace == owner.Namespace {
			obj.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}})
		}
		kind := obj.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			t.Fatal(err)
		}
		r := client.Resource(mapping.Resource).Namespace(namespace)
		if _, err := r.Create(t.Context(), obj, metav1.CreateOptions{}); err != nil {
			t.Fatalf("%s: %v", kind.Kind, err)
		}
		all = append(all, made{r, kind.Kind, obj.GetName()})
	}
	return all
}
