package gateway_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/command"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access/pki"
)

// door is a gateway over an embedded bus with files.
type door struct {
	*gateway.Gateway
	bus     *bus.Bus
	keys    *pki.Set
	address string
}

func open(t testing.TB, dir string, change ...func(*gateway.Config)) *door {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{DataDir: filepath.Join(dir, "bus")})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pki.Ensure(filepath.Join(dir, "pki"), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	cfg := gateway.Config{
		Journals: map[subject.Stream]journal.Journal{}, Listener: listener, Serving: keys.Serving.TLS(), ClientCAs: keys.CA,
		TokenKey: keys.ServiceAccountKey, Metrics: metrics, Gather: metrics,
	}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		if cfg.Journals[s], err = b.Journal(bus.Gateway(), s, journal.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Commands, err = b.Conn(bus.Gateway()); err != nil {
		t.Fatal(err)
	}
	if cfg.Audit, err = b.Journal(bus.Gateway(), subject.Audit, journal.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, fn := range change {
		fn(&cfg)
	}
	g, err := gateway.New(cfg)
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
		b.Close()
	})
	if err := g.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &door{Gateway: g, bus: b, keys: keys, address: listener.Addr().String()}
}

func (d *door) client(t testing.TB) *kubernetes.Clientset {
	t.Helper()
	return d.clientWith(t, func(*clientrest.Config) {})
}

func (d *door) clientWith(t testing.TB, change func(*clientrest.Config)) *kubernetes.Clientset {
	t.Helper()
	key, err := d.keys.Admin.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	config := &clientrest.Config{
		Host: "https://" + d.address, QPS: -1,
		TLSClientConfig: clientrest.TLSClientConfig{CAData: d.keys.CAPEM, CertData: d.keys.Admin.CertificatePEM(), KeyData: key},
	}
	change(config)
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDoor(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	c := d.client(t)
	if _, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "here"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	maps := c.CoreV1().ConfigMaps("here")
	made, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	object := subject.Object{Resource: subject.ConfigMaps, Namespace: "here", Name: "a"}
	order := command.Patch(object, "", command.MergePatch, []byte(`{"data":{"by":"command"}}`), "to try")
	order.Id = "0198-once"
	first := d.Handler().Handle(t.Context(), []string{"deployment"}, order)
	if first.Code != 403 {
		t.Fatalf("a service without a role wrote: %v", first)
	}
	got, err := maps.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || got.ResourceVersion != made.ResourceVersion {
		t.Fatalf("get: %v %v", err, got)
	}
	if _, err := c.Discovery().ServerVersion(); err != nil {
		t.Fatal(err)
	}
}
