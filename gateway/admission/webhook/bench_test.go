package webhook_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"encoding/json"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/admission/webhook"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	"taffrail.dev/gateway/view"
)

// server is a server over journals in memory.
func server(b *testing.B, plugins func(*view.View) []admission.Plugin) (*rest.Server, *view.View) {
	b.Helper()
	journals, readers := map[subject.Stream]journal.Journal{}, map[subject.Stream]journal.Reader{}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		journals[s] = journal.NewMemory(nil)
		readers[s] = journals[s]
	}
	kinds := kind.All(kind.Hooks{})
	v := view.New(view.Config{Kinds: kinds, Journals: readers})
	s, err := rest.New(rest.Config{Kinds: kinds, View: v, Journals: journals, Admission: plugins(v)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	if err := v.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s, v
}

func create(b *testing.B, s *rest.Server, r subject.Resource, obj kind.Object) *rest.Reply {
	b.Helper()
	body, err := obj.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	c := &rest.Call{Body: body, ContentType: "application/vnd.kubernetes.protobuf"}
	c.Verb, c.User = "create", kind.User{Name: "ann", Groups: []string{"system:masters"}}
	if err := s.Resolve(c, subject.Object{Resource: r, Namespace: obj.GetNamespace(), Name: obj.GetName()}, "", ""); err != nil {
		b.Fatal(err)
	}
	reply, err := s.Do(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	return reply
}

func benchmark(b *testing.B, plugins func(*view.View) []admission.Plugin, configure func(*rest.Server, *view.View)) {
	s, v := server(b, plugins)
	configure(s, v)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		create(b, s, subject.ConfigMaps, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("c%d", i)}, Data: map[string]string{"a": "b"},
		})
	}
}

func hooks(v *view.View) []admission.Plugin {
	h := webhook.New(webhook.Config{Objects: v})
	v.Observe(h.Watches, h.Changed)
	return []admission.Plugin{h.Mutating(), h.Validating()}
}

// BenchmarkCreate is a create without plugins, with no webhook, with one that does not match, and with one that is called.
func BenchmarkCreate(b *testing.B) {
	answering := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			b.Error(err)
		}
		_, _ = io.WriteString(w, `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"allowed":true,"uid":"`+string(review.Request.UID)+`"}}`)
	}))
	defer answering.Close()
	configure := func(resource string) func(*rest.Server, *view.View) {
		return func(s *rest.Server, v *view.View) {
			none := registrationv1.SideEffectClassNone
			reply := create(b, s, kind.ValidatingWebhooks, &registrationv1.ValidatingWebhookConfiguration{
				ObjectMeta: metav1.ObjectMeta{Name: "one"},
				Webhooks: []registrationv1.ValidatingWebhook{{
					Name: "one.bench.test", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
					ClientConfig: registrationv1.WebhookClientConfig{
						URL: &answering.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: answering.Certificate().Raw}),
					},
					Rules: []registrationv1.RuleWithOperations{{
						Operations: []registrationv1.OperationType{"CREATE"},
						Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{resource}},
					}},
				}},
			})
			if err := v.Table(kind.ValidatingWebhooks).WaitFor(b.Context(), reply.Sequence); err != nil {
				b.Fatal(err)
			}
		}
	}
	nothing := func(*rest.Server, *view.View) {}
	b.Run("without", func(b *testing.B) { benchmark(b, func(*view.View) []admission.Plugin { return nil }, nothing) })
	b.Run("none", func(b *testing.B) { benchmark(b, hooks, nothing) })
	b.Run("other", func(b *testing.B) { benchmark(b, hooks, configure("pods")) })
	b.Run("one", func(b *testing.B) { benchmark(b, hooks, configure("configmaps")) })
}
