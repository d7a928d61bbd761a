package bootstrap_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/bootstrap"
	"taffrail.dev/gateway/kind"
)

// open is a gateway over journals in memory, with all admission, and its administrator's client.
func open(t *testing.T) (*gateway.Gateway, *kubernetes.Clientset) {
	t.Helper()
	keys, err := pki.Ensure(t.TempDir(), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	journals := map[subject.Stream]journal.Journal{}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		journals[s] = journal.NewMemory(nil)
	}
	g, err := gateway.New(gateway.Config{
		Journals: journals, Listener: listener, Serving: keys.Serving.TLS(), ClientCAs: keys.CA, TokenKey: keys.ServiceAccountKey,
		Admission: func(gateway.Parts) []admission.Plugin { return admission.Default() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if err := g.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, err := keys.Admin.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(&clientrest.Config{
		Host: "https://" + listener.Addr().String(), QPS: -1,
		TLSClientConfig: clientrest.TLSClientConfig{CAData: keys.CAPEM, CertData: keys.Admin.CertificatePEM(), KeyData: key},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, client
}

// ensure makes the objects of a cluster whose gateway is at an address.
func ensure(t *testing.T, g *gateway.Gateway, address string) {
	t.Helper()
	objects, err := bootstrap.Objects(bootstrap.Config{
		ServiceCIDR: netip.MustParsePrefix("10.43.0.0/16"), Advertise: netip.MustParseAddrPort(address),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Ensure(t.Context(), objects, subject.EndpointSlices, subject.Endpoints); err != nil {
		t.Fatal(err)
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	g, client := open(t)
	ensure(t, g, "192.0.2.1:6443")
	// A second start finds it all there, and tells where the gateway has moved.
	ensure(t, g, "192.0.2.2:6443")
	ctx := t.Context()
	service, err := client.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
	if err != nil || service.Spec.ClusterIP != "10.43.0.1" || service.Spec.Ports[0].TargetPort.IntValue() != 6443 {
		t.Errorf("service: %v %v", err, service)
	}
	slice, err := client.DiscoveryV1().EndpointSlices("default").Get(ctx, "kubernetes", metav1.GetOptions{})
	if err != nil || slice.Endpoints[0].Addresses[0] != "192.0.2.2" {
		t.Errorf("endpoints: %v %v", err, slice)
	}
	for name, value := range map[string]int32{"system-cluster-critical": 2000000000, "system-node-critical": 2000001000} {
		class, err := client.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
		if err != nil || class.Value != value {
			t.Errorf("class %s: %v %v", name, err, class)
		}
	}
	for _, name := range []string{"default", "kube-system", "kube-public"} {
		if err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("delete namespace %s: %v", name, err)
		}
	}
}

func TestLoopbackHasNoEndpoints(t *testing.T) {
	t.Parallel()
	g, client := open(t)
	ensure(t, g, "127.0.0.1:6443")
	if _, err := client.DiscoveryV1().EndpointSlices("default").Get(t.Context(), "kubernetes", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("slice: %v", err)
	}
}

// A client uses at once what it has just made, and the pod of a new namespace waits for its account.
func TestFirstPod(t *testing.T) {
	t.Parallel()
	g, client := open(t)
	ensure(t, g, "192.0.2.1:6443")
	ctx := t.Context()
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	made := make(chan error, 1)
	go func() {
		_, err := client.CoreV1().ServiceAccounts("shop").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
		made <- err
	}()
	pod, err := client.CoreV1().Pods("shop").Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web"}}, PriorityClassName: "system-node-critical"},
	}, metav1.CreateOptions{})
	if err := errors.Join(err, <-made); err != nil {
		t.Fatal(err)
	}
	s := &pod.Spec
	if s.ServiceAccountName != "default" || len(s.Volumes) != 1 || s.Containers[0].VolumeMounts[0].Name != s.Volumes[0].Name ||
		*s.Priority != 2000001000 || len(s.Tolerations) != 2 {
		t.Errorf("pod: %+v", s)
	}
	_, err = client.CoreV1().Pods("nowhere").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, metav1.CreateOptions{})
	if !apierrors.IsNotFound(err) || err.Error() != `namespaces "nowhere" not found` {
		t.Errorf("a pod in no namespace: %v", err)
	}
}

func TestRolesKeepWhatTheyWereMadeOf(t *testing.T) {
	t.Parallel()
	g, client := open(t)
	role := func(rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
		return &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "sum"}, Rules: rules,
			AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"in": "sum"}}}},
		}
	}
	get := rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}
	list := rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}}
	for i, given := range []*rbacv1.ClusterRole{role(get), role(list)} {
		if err := g.Ensure(t.Context(), []kind.Object{given}); err != nil {
			t.Fatal(err)
		}
		have, err := client.RbacV1().ClusterRoles().Get(t.Context(), "sum", metav1.GetOptions{})
		if err != nil || len(have.Rules) != 1 || have.Rules[0].Verbs[0] != "get" {
			t.Errorf("start %d: %v %v", i, err, have.Rules)
		}
	}
}
