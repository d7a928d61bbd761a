package gateway_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// judge is a webhook's server: what it says to a request, and what it was asked.
type judge struct {
	*httptest.Server
	mu    sync.Mutex // guards asked
	asked []*admissionv1.AdmissionRequest
}

// say answers reviews; nil is allowed.
func say(t *testing.T, answer func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) *judge {
	t.Helper()
	j := &judge{}
	j.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
			return
		}
		j.mu.Lock()
		j.asked = append(j.asked, review.Request)
		j.mu.Unlock()
		review.Response = answer(review.Request)
		if review.Response == nil {
			review.Response = &admissionv1.AdmissionResponse{Allowed: true}
		}
		if review.Response.UID == "" {
			review.Response.UID = review.Request.UID
		}
		review.Request = nil
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(j.Close)
	return j
}

func (j *judge) requests() []*admissionv1.AdmissionRequest {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*admissionv1.AdmissionRequest(nil), j.asked...)
}

func clientOf(s *httptest.Server) registrationv1.WebhookClientConfig {
	return registrationv1.WebhookClientConfig{
		URL: &s.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
}

func allow(patch string) *admissionv1.AdmissionResponse {
	kind := admissionv1.PatchTypeJSONPatch
	return &admissionv1.AdmissionResponse{Allowed: true, Patch: []byte(patch), PatchType: &kind}
}

func ruleOf(resource string, operations ...registrationv1.OperationType) []registrationv1.RuleWithOperations {
	return []registrationv1.RuleWithOperations{{Operations: operations, Rule: registrationv1.Rule{
		APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{resource},
	}}}
}

// hooked is a gateway with every plugin, its client, and namespaces of the test's own.
type hooked struct {
	*door
	*kubernetes.Clientset
}

func openHooked(t *testing.T) *hooked {
	t.Helper()
	d := open(t, t.TempDir(), func(c *gateway.Config) {
		c.Admission = gateway.Plugins
		// Nodes are never reached here, but connections are served.
		c.KubeletClient = &c.Serving
	})
	return &hooked{d, d.client(t)}
}

// namespace makes a namespace for one test, which webhooks pick by its name.
func (h *hooked) namespace(t *testing.T, name string) *metav1.LabelSelector {
	t.Helper()
	labels := map[string]string{"test": name}
	if _, err := h.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return &metav1.LabelSelector{MatchLabels: labels}
}

// settled waits until the gateway has folded what it answered with.
func (h *hooked) settled(t *testing.T, r subject.Resource, version string) {
	t.Helper()
	var sequence uint64
	if _, err := fmt.Sscan(version, &sequence); err != nil {
		t.Fatal(err)
	}
	if err := h.View().Table(r).WaitFor(t.Context(), sequence); err != nil {
		t.Fatal(err)
	}
}

func (h *hooked) mutate(t *testing.T, name string, hooks ...registrationv1.MutatingWebhook) {
	t.Helper()
	none := registrationv1.SideEffectClassNone
	for i := range hooks {
		if hooks[i].SideEffects == nil {
			hooks[i].SideEffects = &none
		}
		hooks[i].AdmissionReviewVersions = []string{"v1"}
	}
	c, err := h.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(t.Context(),
		&registrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}, Webhooks: hooks}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.MutatingWebhooks, c.ResourceVersion)
}

func (h *hooked) validate(t *testing.T, name string, hooks ...registrationv1.ValidatingWebhook) {
	t.Helper()
	none := registrationv1.SideEffectClassNone
	for i := range hooks {
		if hooks[i].SideEffects == nil {
			hooks[i].SideEffects = &none
		}
		hooks[i].AdmissionReviewVersions = []string{"v1"}
	}
	c, err := h.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(),
		&registrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}, Webhooks: hooks}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.ValidatingWebhooks, c.ResourceVersion)
}

func (h *hooked) configMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	return h.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}, Data: map[string]string{"a": "b"},
	}, metav1.CreateOptions{})
}

// event is an object's last event.
func (h *hooked) event(t *testing.T, o subject.Object) *eventv1.Event {
	t.Helper()
	m, err := h.journal(t, subject.State).GetLast(t.Context(), o.Subject())
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Decode(m.Subject, m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	h := openHooked(t)
	for name, test := range map[string]func(*testing.T, *hooked){
		"patch": testPatch, "deny": testDeny, "broken": testBroken, "again": testReinvocation, "select": testSelection,
		"delete": testDelete, "scale": testScale, "dry": testDryRun, "exempt": testExempt, "parallel": testParallel, "patient": testTimeout,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

func testPatch(t *testing.T, h *hooked) {
	in := h.namespace(t, "patch")
	j := say(t, func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		a := allow(`[{"op":"add","path":"/metadata/labels/from","value":"webhook"},{"op":"add","path":"/data/secret","value":"x"}]`)
		a.Warnings, a.AuditAnnotations = []string{"it was changed"}, map[string]string{"why": "it can"}
		return a
	})
	h.mutate(t, "patch", registrationv1.MutatingWebhook{
		Name: "a.patch.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in,
	})
	made, err := h.configMap(t.Context(), "patch", "one")
	if err != nil {
		t.Fatal(err)
	}
	if made.Labels["from"] != "webhook" || made.Labels["app"] != "one" || made.Data["secret"] != "x" {
		t.Errorf("made %v", made)
	}
	asked := j.requests()[0]
	if asked.Operation != admissionv1.Create || asked.Name != "one" || asked.Namespace != "patch" || asked.Kind.Kind != "ConfigMap" ||
		asked.Resource.Resource != "configmaps" || asked.UserInfo.Username == "" || asked.DryRun == nil || *asked.DryRun ||
		!strings.Contains(string(asked.Options.Raw), `"kind":"CreateOptions"`) || asked.OldObject.Raw != nil {
		t.Errorf("asked %+v", asked)
	}
	if !strings.HasPrefix(string(asked.Object.Raw), `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"one"`) {
		t.Errorf("object %s", asked.Object.Raw)
	}
	a := h.event(t, subject.Object{Resource: subject.ConfigMaps, Namespace: "patch", Name: "one"}).GetAdmission()
	if len(a.GetSteps()) != 1 || a.GetAnnotations()["a.patch.test/why"] != "it can" {
		t.Fatalf("event has %v", a)
	}
	if s := a.GetSteps()[0]; s.GetName() != "a.patch.test" || s.GetConfiguration() != "patch" || strings.Join(s.GetPaths(), " ") != "/metadata/labels/from /data/secret" {
		t.Errorf("step %v", s)
	}
}

func testDeny(t *testing.T, h *hooked) {
	in := h.namespace(t, "deny")
	j := say(t, func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if r.Name == "plain" {
			return &admissionv1.AdmissionResponse{}
		}
		return &admissionv1.AdmissionResponse{Result: &metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: "not this one"}}
	})
	h.validate(t, "deny", registrationv1.ValidatingWebhook{
		Name: "a.deny.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("configmaps", registrationv1.OperationAll), NamespaceSelector: in,
	})
	for name, want := range map[string]string{
		"plain": `admission webhook "a.deny.test" denied the request without explanation`,
		"other": `admission webhook "a.deny.test" denied the request: not this one`,
	} {
		if _, err := h.configMap(t.Context(), "deny", name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	// The refusal is on AUDIT, who refused and no state.
	o := subject.Object{Resource: subject.ConfigMaps, Namespace: "deny", Name: "other"}
	e := h.audited(t, o)
	if s := e.GetAdmission().GetSteps()[0]; e.GetWhat() != eventv1.What_REFUSED || s.GetName() != "a.deny.test" || s.GetCode() != 409 || len(e.GetState()) > 0 {
		t.Errorf("audited %v", e)
	}
}

// testBroken has servers that lie and fail.
func testBroken(t *testing.T, h *hooked) {
	in := h.namespace(t, "broken")
	serve := func(answer http.HandlerFunc) registrationv1.WebhookClientConfig {
		s := httptest.NewTLSServer(answer)
		t.Cleanup(s.Close)
		return clientOf(s)
	}
	reviewed := func(answer func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) registrationv1.WebhookClientConfig {
		return clientOf(say(t, answer).Server)
	}
	gone := httptest.NewTLSServer(http.NotFoundHandler())
	dead := clientOf(gone)
	gone.Close()
	untrusted := serve(func(http.ResponseWriter, *http.Request) {})
	untrusted.CABundle = []byte("nonsense")
	const failed = `Internal error occurred: failed calling webhook "a.broken.test": `
	for name, c := range map[string]struct {
		client registrationv1.WebhookClientConfig
		want   string
	}{
		"uid": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return &admissionv1.AdmissionResponse{Allowed: true, UID: "another"}
		}), failed + "received invalid webhook response: expected response.uid="},
		"huge": {serve(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", 5<<20))
		}), failed + "failed to call webhook: the answer is longer than 4194304 bytes"},
		"text":    {serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }), failed + "received invalid webhook response: invalid character 'h'"},
		"empty":   {serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), failed + "received invalid webhook response: webhook response was absent"},
		"error":   {serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of order", 500) }), failed + `failed to call webhook: an error on the server ("out of order") has prevented the request from succeeding`},
		"missing": {serve(http.NotFound), failed + "failed to call webhook: the server could not find the requested resource"},
		"redirect": {serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}), failed + "failed to call webhook: "},
		"dead":   {dead, failed + "failed to call webhook: Post "},
		"bundle": {untrusted, failed + "could not get REST client: unable to load root certificates"},
		"half": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return &admissionv1.AdmissionResponse{Allowed: true, Patch: []byte("[]")}
		}), failed + "received invalid webhook response: webhook returned response.patch but not response.patchType"},
		"patch": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse { return allow("nonsense") }), failed + "received undecodable patch in webhook response: "},
		"nowhere": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return allow(`[{"op":"replace","path":"/a/b/c","value":1}]`)
		}), "Internal error occurred: "},
		"renamed": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return allow(`[{"op":"replace","path":"/metadata/name","value":"evil"}]`)
		}), `Internal error occurred: admission webhook "a.broken.test" attempted to make an invalid object: `},
		"disguised": {reviewed(func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return allow(`[{"op":"replace","path":"/kind","value":"Secret"}]`)
		}), `Internal error occurred: admission webhook "a.broken.test" attempted to make an invalid object: the object became a`},
	} {
		h.mutate(t, "broken-"+name, registrationv1.MutatingWebhook{
			Name: "a.broken.test", ClientConfig: c.client, Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in,
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
		})
		if _, err := h.configMap(t.Context(), "broken", name); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
	ignore := registrationv1.Ignore
	h.mutate(t, "broken-ignored", registrationv1.MutatingWebhook{
		Name: "b.broken.test", ClientConfig: dead, Rules: ruleOf("configmaps", registrationv1.Create), NamespaceSelector: in, FailurePolicy: &ignore,
		ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "ignored"}},
	})
	if _, err := h.configMap(t.Context(), "broken", "ignored"); err != nil {
		t.Error(err)
	}
	a := h.event(t, subject.Object{Resource: subject.ConfigMaps, Namespace: "broken", Name: "ignored"}).GetAdmission()
	if len(a.GetAnnotations()) != 1 {
		t.Errorf("a failure that was ignored leaves %v", a)
	}
}
