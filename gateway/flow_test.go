package gateway_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/flow"
)

// ensured is a gateway with the flow schemas and levels that every cluster has, once they are kept.
func ensured(t *testing.T) *door {
	t.Helper()
	d := open(t, t.TempDir())
	if err := d.Ensure(t.Context(), flow.Objects()); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFlowObjects has a cluster's own flow schemas changed and removed, and brought back.
func TestFlowObjects(t *testing.T) {
	t.Parallel()
	d := ensured(t)
	ctx, api := t.Context(), d.client(t).FlowcontrolV1()
	probes, err := api.FlowSchemas().Get(ctx, "probes", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	probes.Spec.MatchingPrecedence = 77
	if _, err := api.FlowSchemas().Update(ctx, probes, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	nodes, err := api.FlowSchemas().Get(ctx, "system-nodes", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodes.Annotations[flowcontrolv1.AutoUpdateAnnotationKey] = "false"
	nodes.Spec.MatchingPrecedence = 501
	if _, err := api.FlowSchemas().Update(ctx, nodes, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"catch-all", "global-default"} {
		if err := api.PriorityLevelConfigurations().Delete(ctx, gone, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.FlowSchemas().Create(ctx, &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: "loose"},
		Spec:       flowcontrolv1.FlowSchemaSpec{PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "nowhere"}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := d.KeepFlowOnce(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := api.FlowSchemas().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Items {
		want := flowcontrolv1.ConditionFalse
		switch {
		case s.Name == "loose":
			want = flowcontrolv1.ConditionTrue
		case s.Name == "probes" && s.Spec.MatchingPrecedence != 2, s.Name == "system-nodes" && s.Spec.MatchingPrecedence != 501:
			t.Errorf("%s has precedence %d", s.Name, s.Spec.MatchingPrecedence)
		}
		if c := s.Status.Conditions; len(c) != 1 || c[0].Status != want {
			t.Errorf("%s: %v", s.Name, c)
		}
	}
	for _, back := range []string{"catch-all", "global-default"} {
		if _, err := api.PriorityLevelConfigurations().Get(ctx, back, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	}
	if err := d.KeepFlowOnce(ctx); err != nil {
		t.Fatal(err)
	}
	again, err := api.FlowSchemas().List(ctx, metav1.ListOptions{})
	if err != nil || again.ResourceVersion != list.ResourceVersion {
		t.Errorf("a second look wrote: %s, %s, %v", list.ResourceVersion, again.ResourceVersion, err)
	}
}

// TestFlowDoor tells how requests over HTTPS and commands over the bus are classified.
func TestFlowDoor(t *testing.T) {
	t.Parallel()
	d := ensured(t)
	ctx, api := t.Context(), d.client(t).FlowcontrolV1()
	schema, err := api.FlowSchemas().Get(ctx, "exempt", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.keys.CA, Certificates: []tls.Certificate{d.keys.Admin.TLS()}}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	get := func(path string) (*http.Response, string) {
		t.Helper()
		answer, err := client.Get("https://" + d.address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	answer, _ := get("/api/v1/namespaces")
	if got := answer.Header.Get("X-Kubernetes-PF-FlowSchema-UID"); got != string(schema.UID) {
		t.Errorf("schema %q, want %q", got, schema.UID)
	}
	if answer.Header.Get("X-Kubernetes-PF-PriorityLevel-UID") == "" {
		t.Error("the priority level is not told")
	}
	for path, want := range map[string]string{
		"/debug/api_priority_and_fairness/dump_priority_levels":                  "node-high,",
		"/debug/api_priority_and_fairness/dump_queues":                           "NextDispatchR,",
		"/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1": "/debug/api_priority_and_fairness/dump_requests,",
		"/metrics": `apiserver_flowcontrol_nominal_limit_seats{priority_level="node-high"}`,
	} {
		if answer, body := get(path); answer.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
	order := command.Patch(subject.Object{Resource: subject.Nodes, Name: "a"}, "status", command.MergePatch, []byte(`{}`), "to try")
	if result := d.Handler().Handle(ctx, []string{"node", "a"}, order); result.Code != 404 {
		t.Errorf("a node's command: %v", result)
	}
	if _, body := get("/metrics"); !strings.Contains(body, `apiserver_flowcontrol_dispatched_requests_total{flow_schema="system-node-high",priority_level="node-high"} 1`) {
		t.Error("a node's command did not pass the door")
	}
}
