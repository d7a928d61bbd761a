package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func (h *hooked) journal(t *testing.T, s subject.Stream) journal.Reader {
	t.Helper()
	j, err := h.bus.Journal(bus.Gateway(), s, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// audited is the first record about an object on AUDIT, once it is there.
func (h *hooked) audited(t *testing.T, o subject.Object) (found *eventv1.Event) {
	t.Helper()
	err := h.journal(t, subject.Audit).Read(t.Context(), 1, []string{o.Audit()}, func(batch []journal.Message, _ uint64) (err error) {
		if len(batch) == 0 {
			return nil
		}
		if found, err = envelope.Decode(batch[0].Subject, batch[0].Data); err == nil {
			err = http.ErrServerClosed
		}
		return err
	})
	if found == nil {
		t.Fatal(err)
	}
	return found
}

// testReinvocation has two webhooks of which the first wants to see what the second adds.
func testReinvocation(t *testing.T, h *hooked) {
	in := h.namespace(t, "again")
	first := say(t, func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if strings.Contains(string(r.Object.Raw), `"second"`) {
			return allow(`[{"op":"add","path":"/metadata/labels/saw","value":"it"}]`)
		}
		return nil
	})
	second := say(t, func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		return allow(`[{"op":"add","path":"/metadata/labels/second","value":"yes"}]`)
	})
	again := registrationv1.IfNeededReinvocationPolicy
	h.mutate(t, "again",
		registrationv1.MutatingWebhook{Name: "a.again.test", ClientConfig: clientOf(first.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in, ReinvocationPolicy: &again},
		registrationv1.MutatingWebhook{Name: "b.again.test", ClientConfig: clientOf(second.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in},
	)
	made, err := h.configMap(t.Context(), "again", "one")
	if err != nil {
		t.Fatal(err)
	}
	if made.Labels["saw"] != "it" || len(first.requests()) != 2 || len(second.requests()) != 1 {
		t.Errorf("made %v after %d and %d calls", made.Labels, len(first.requests()), len(second.requests()))
	}
}

func testSelection(t *testing.T, h *hooked) {
	in := h.namespace(t, "select")
	j := say(t, func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		return &admissionv1.AdmissionResponse{}
	})
	h.validate(t, "select", registrationv1.ValidatingWebhook{
		Name: "a.select.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in,
		ObjectSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"free"}}}},
		MatchConditions: []registrationv1.MatchCondition{
			{Name: "short", Expression: "size(object.metadata.name) < 5"},
			{Name: "admin", Expression: "authorizer.group('').resource('secrets').namespace(request.namespace).check('delete').allowed()"},
		},
	})
	for name, refused := range map[string]bool{"free": false, "longer": false, "bad": true} {
		if _, err := h.configMap(t.Context(), "select", name); (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(j.requests()); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func testDelete(t *testing.T, h *hooked) {
	in := h.namespace(t, "delete")
	j := say(t, func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if r.Operation == admissionv1.Delete && strings.Contains(string(r.OldObject.Raw), `"name":"kept"`) {
			return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: "it stays"}}
		}
		return nil
	})
	h.validate(t, "delete", registrationv1.ValidatingWebhook{
		Name: "a.delete.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.Delete), NamespaceSelector: in,
	})
	maps := h.CoreV1().ConfigMaps("delete")
	for _, name := range []string{"kept", "loose"} {
		if _, err := h.configMap(t.Context(), "delete", name); err != nil {
			t.Fatal(err)
		}
	}
	if err := maps.Delete(t.Context(), "loose", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	err := maps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
	if want := `admission webhook "a.delete.test" denied the request: it stays`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if r := j.requests()[0]; r.Object.Raw != nil || !strings.Contains(string(r.Options.Raw), `"kind":"DeleteOptions"`) {
		t.Errorf("asked %v", r)
	}
}

// testScale has a webhook see and change a Scale.
func testScale(t *testing.T, h *hooked) {
	in := h.namespace(t, "scale")
	j := say(t, func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if r.Kind.Kind != "Scale" || r.SubResource != "scale" || !strings.Contains(string(r.OldObject.Raw), `"kind":"Scale"`) {
			return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: r.Kind.Kind}}
		}
		return allow(`[{"op":"replace","path":"/spec/replicas","value":3}]`)
	})
	h.mutate(t, "scale", registrationv1.MutatingWebhook{
		Name: "a.scale.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("deployments/scale", registrationv1.Update), NamespaceSelector: in,
	})
	labels := map[string]string{"a": "b"}
	sets := h.AppsV1().Deployments("scale")
	if _, err := sets.Create(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}},
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := sets.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"spec":{"replicas":9}}`), metav1.PatchOptions{}, "scale")
	if err != nil {
		t.Fatal(err)
	}
	if now, err := sets.Get(t.Context(), "web", metav1.GetOptions{}); err != nil || *now.Spec.Replicas != 3 {
		t.Errorf("%v, %v: %v", got, now, err)
	}
}

func testDryRun(t *testing.T, h *hooked) {
	in := h.namespace(t, "dry")
	j := say(t, func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse { return nil })
	dry := registrationv1.SideEffectClassNoneOnDryRun
	h.validate(t, "dry", registrationv1.ValidatingWebhook{
		Name: "a.dry.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in, SideEffects: &dry,
	})
	_, err := h.CoreV1().ConfigMaps("dry").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{DryRun: []string{"All"}})
	if asked := j.requests(); err != nil || len(asked) != 1 || !*asked[0].DryRun {
		t.Errorf("asked %v: %v", asked, err)
	}
}

// testExempt breaks everything that a webhook could break, and mends it.
func testExempt(t *testing.T, h *hooked) {
	h.namespace(t, "exempt")
	nowhere := "https://127.0.0.1:1/"
	h.validate(t, "exempt", registrationv1.ValidatingWebhook{
		Name: "a.exempt.test", ClientConfig: registrationv1.WebhookClientConfig{URL: &nowhere},
		Rules: ruleOf("validatingwebhookconfigurations", registrationv1.OperationAll),
	})
	hooks := h.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if err := hooks.Delete(t.Context(), "exempt", metav1.DeleteOptions{}); err != nil {
		t.Errorf("a webhook is in the way of its own removal: %v", err)
	}
	if _, err := hooks.Get(t.Context(), "exempt", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}

// A webhook that is in the way of everything is not in the way of a start.
func TestWebhooksDoNotStopTheStart(t *testing.T) {
	t.Parallel()
	h := openHooked(t)
	nowhere := "https://127.0.0.1:1/"
	h.validate(t, "all", registrationv1.ValidatingWebhook{
		Name: "a.all.test", ClientConfig: registrationv1.WebhookClientConfig{URL: &nowhere}, Rules: ruleOf("*/*", registrationv1.OperationAll),
	})
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "needed"}}
	if _, err := h.CoreV1().Namespaces().Create(t.Context(), space, metav1.CreateOptions{}); err == nil {
		t.Fatal("the webhook is not asked")
	}
	if err := h.Ensure(t.Context(), []kind.Object{space}); err != nil {
		t.Error(err)
	}
}

// testParallel has two webhooks that answer only once both are asked.
func testParallel(t *testing.T, h *hooked) {
	in := h.namespace(t, "parallel")
	met := make(chan struct{})
	meet := func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		select {
		case met <- struct{}{}:
		case <-met:
		case <-t.Context().Done():
		}
		return nil
	}
	one, other := say(t, meet), say(t, meet)
	h.validate(t, "parallel",
		registrationv1.ValidatingWebhook{Name: "a.parallel.test", ClientConfig: clientOf(one.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in},
		registrationv1.ValidatingWebhook{Name: "b.parallel.test", ClientConfig: clientOf(other.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in},
	)
	if _, err := h.configMap(t.Context(), "parallel", "one"); err != nil {
		t.Error(err)
	}
}

// testTimeout has a server that answers when it is no longer waited for.
func testTimeout(t *testing.T, h *hooked) {
	in := h.namespace(t, "patient")
	gone := make(chan struct{})
	j := say(t, func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		<-gone
		return nil
	})
	second := int32(1)
	h.validate(t, "patient", registrationv1.ValidatingWebhook{
		Name: "a.patient.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in, TimeoutSeconds: &second,
	})
	_, err := h.configMap(t.Context(), "patient", "one")
	close(gone)
	if err == nil || !strings.HasPrefix(err.Error(), `Internal error occurred: failed calling webhook "a.patient.test": failed to call webhook: Post "`+j.URL+`?timeout=1s": context deadline exceeded`) {
		t.Error(err)
	}
}
