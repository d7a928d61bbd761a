package rest_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	"taffrail.dev/gateway/view"
)

// world is a server over journals in memory, reached by TLS and HTTP/2.
type world struct {
	*rest.Server
	View     *view.View
	Journals map[subject.Stream]journal.Journal
	HTTP     *httptest.Server
	Metrics  *prometheus.Registry
	// tune changes the server's configuration; nil for none.
	tune func(*rest.Config)
}

// serve starts a server; it ends with the test.
func serve(t testing.TB, plugins ...admission.Plugin) *world {
	t.Helper()
	return serveTuned(t, nil, plugins...)
}

func serveTuned(t testing.TB, tune func(*rest.Config), plugins ...admission.Plugin) *world {
	t.Helper()
	w := &world{Journals: map[subject.Stream]journal.Journal{}, tune: tune}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		w.Journals[s] = journal.NewMemory(nil)
	}
	kinds := kind.All(kind.Hooks{})
	w.View = view.New(view.Config{Kinds: kinds, Journals: w.readers()})
	w.start(t, kinds, plugins)
	return w
}

func (w *world) readers() map[subject.Stream]journal.Reader {
	readers := map[subject.Stream]journal.Reader{}
	for s, j := range w.Journals {
		readers[s] = j
	}
	return readers
}

func (w *world) start(t testing.TB, kinds []*kind.Kind, plugins []admission.Plugin) {
	t.Helper()
	w.Metrics = prometheus.NewRegistry()
	cfg := rest.Config{Kinds: kinds, View: w.View, Journals: w.Journals, Admission: plugins, Log: zaptest.NewLogger(t), Metrics: w.Metrics}
	if w.tune != nil {
		w.tune(&cfg)
	}
	server, err := rest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = server
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.View.Run(ctx)
	}()
	w.HTTP = httptest.NewUnstartedServer(server)
	w.HTTP.EnableHTTP2 = true
	w.HTTP.StartTLS()
	t.Cleanup(func() {
		server.Drain()
		w.HTTP.Close()
		cancel()
		<-done
	})
	if err := w.View.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// client speaks JSON or protobuf.
func (w *world) client(t testing.TB, contentType string) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(w.config(contentType))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) config(contentType string) *clientrest.Config {
	return &clientrest.Config{
		Host: w.HTTP.URL, QPS: -1, Timeout: time.Minute, UserAgent: "tester/1",
		TLSClientConfig: clientrest.TLSClientConfig{Insecure: true},
		ContentConfig:   clientrest.ContentConfig{ContentType: contentType},
	}
}
