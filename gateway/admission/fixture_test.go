package admission

import (
	"context"
	"slices"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// cluster is a Reader that lags: late is what it has only once it caught up, coming what others make while it
// is waited for.
type cluster struct {
	have, late, coming []kind.Object
	caught             int
}

var _ Current = (*cluster)(nil)

func (c *cluster) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	for _, o := range c.have {
		if resourceOf(o) == r && o.GetNamespace() == namespace && o.GetName() == name {
			return o, true
		}
	}
	return nil, false
}

func (c *cluster) List(r subject.Resource, namespace string) (out []kind.Object) {
	for _, o := range c.have {
		if resourceOf(o) == r && (namespace == "" || o.GetNamespace() == namespace) {
			out = append(out, o)
		}
	}
	return out
}

func (c *cluster) CatchUp(context.Context, subject.Resource) error {
	c.caught++
	c.have, c.late = append(c.late, c.have...), nil
	return nil
}

func (c *cluster) Await(ctx context.Context, r subject.Resource, namespace, name string) (kind.Object, bool) {
	_ = c.CatchUp(ctx, r)
	c.have, c.coming = append(c.coming, c.have...), nil
	return c.Get(r, namespace, name)
}

var kinds = kind.All(kind.Hooks{})

// others are kinds that plugins know of whether or not they are served.
var others = map[string]schema.GroupVersionKind{
	"persistentvolumeclaims":     corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"),
	"persistentvolumes":          corev1.SchemeGroupVersion.WithKind("PersistentVolume"),
	"ingresses":                  networkingv1.SchemeGroupVersion.WithKind("Ingress"),
	"certificatesigningrequests": certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"),
}

func kindOf(resource string) *kind.Kind {
	if i := slices.IndexFunc(kinds, func(k *kind.Kind) bool { return k.Resource == resource }); i >= 0 {
		return kinds[i]
	}
	gvk, ok := others[resource]
	if !ok {
		panic(resource)
	}
	return &kind.Kind{GroupVersionKind: gvk, Resource: resource}
}

func resourceOf(o kind.Object) subject.Resource {
	switch o.(type) {
	case *corev1.Namespace:
		return subject.Namespaces
	case *corev1.ServiceAccount:
		return subject.ServiceAccounts
	case *corev1.Pod:
		return subject.Pods
	case *corev1.Node:
		return subject.Nodes
	case *corev1.Service:
		return subject.Services
	case *corev1.ConfigMap:
		return subject.ConfigMaps
	case *corev1.LimitRange:
		return limitRanges
	case *corev1.ResourceQuota:
		return resourceQuotas
	case *corev1.PersistentVolumeClaim:
		return volumeClaims
	case *storagev1.StorageClass:
		return storageClasses
	case *nodev1.RuntimeClass:
		return runtimeClasses
	case *networkingv1.IngressClass:
		return ingressClasses
	}
	return subject.PriorityClasses
}

// ask is a request on "resource" or "resource/subresource" of namespace/name.
func ask(reader kind.Reader, verb, resource, namespace, name string) *kind.Request {
	resource, sub, _ := strings.Cut(resource, "/")
	return &kind.Request{Verb: verb, Kind: kindOf(resource), Subresource: sub, Namespace: namespace, Name: name, Reader: reader}
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func space(name string, phase corev1.NamespacePhase) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: meta("", name), Status: corev1.NamespaceStatus{Phase: phase}}
}

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: meta("shop", name)}
}

func podWith(s corev1.PodSpec) *corev1.Pod {
	if s.Containers == nil {
		s.Containers = []corev1.Container{{Name: "main", Image: "web"}}
	}
	return &corev1.Pod{ObjectMeta: meta("shop", "web"), Spec: s}
}

// wantText checks a refusal: its whole text, "" for none.
func wantText(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Fatalf("answer\n got: %s\nwant: %s", got, want)
	}
	if want != "" && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
		t.Fatalf("%v is no Status", err)
	}
}
