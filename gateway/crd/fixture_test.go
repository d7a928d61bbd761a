package crd_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	clientset "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/discovery/openapi"
)

// door is a gateway over an embedded bus, with clients.
type door struct {
	*gateway.Gateway
	dir     string
	config  *clientrest.Config
	kube    kubernetes.Interface
	crds    clientset.Interface
	dynamic dynamic.Interface
	bus     *bus.Bus
	// stop ends the gateway, as the test's end does.
	stop func()
}

// open starts a gateway over a folder, which may have been another's before.
func open(t testing.TB, dir string) *door {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{DataDir: filepath.Join(dir, "bus")})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{dir: dir, bus: b}
	d.start(t, true)
	return d
}

// replica is one more gateway over the same journal.
func (d *door) replica(t testing.TB) *door {
	t.Helper()
	o := &door{dir: d.dir, bus: d.bus}
	o.start(t, false)
	return o
}

func (d *door) start(t testing.TB, owner bool) {
	t.Helper()
	keys, err := pki.Ensure(filepath.Join(d.dir, "pki"), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := openapi.New()
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	client := keys.Admin.TLS()
	cfg := gateway.Config{
		Journals: map[subject.Stream]journal.Journal{}, Listener: listener, Serving: keys.Serving.TLS(), ClientCAs: keys.CA,
		TokenKey: keys.ServiceAccountKey, Metrics: metrics, Gather: metrics, OpenAPI: documents, WebhookClient: &client,
		Log: zaptest.NewLogger(t, zaptest.Level(zapcore.WarnLevel)),
	}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		if cfg.Journals[s], err = d.bus.Journal(bus.Gateway(), s, journal.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if d.Gateway, err = gateway.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stopped := false
	d.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if owner {
			d.bus.Close()
		}
	}
	t.Cleanup(d.stop)
	if err := d.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.config = &clientrest.Config{Host: "https://" + listener.Addr().String(), QPS: -1}
	key, err := keys.Admin.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	d.config.CAData, d.config.CertData, d.config.KeyData = keys.CAPEM, keys.Admin.CertificatePEM(), key
	d.kube, d.crds, d.dynamic = kubernetes.NewForConfigOrDie(d.config), clientset.NewForConfigOrDie(d.config), dynamic.NewForConfigOrDie(d.config)
}

// definition reads a definition from YAML.
func definition(t testing.TB, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	out := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// define creates a definition.
func (d *door) define(t testing.TB, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	out, err := d.crds.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), definition(t, text), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	out := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &out.Object); err != nil {
		t.Fatal(err)
	}
	return out
}

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

// next is a watch's next event of a type.
func next(t testing.TB, w watch.Interface, want watch.EventType) *unstructured.Unstructured {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-w.ResultChan():
			if !ok {
				t.Fatal("the watch ended")
			}
			if e.Type == want {
				u, _ := e.Object.(*unstructured.Unstructured)
				return u
			}
		case <-deadline:
			t.Fatalf("no %s event", want)
		}
	}
}
