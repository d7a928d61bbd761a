package matching

import (
	"context"
	"strings"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func ask(resource, namespace, name string) *kind.Request {
	resource, sub, _ := strings.Cut(resource, "/")
	for _, k := range kind.All(kind.Hooks{}) {
		if k.Resource == resource {
			return &kind.Request{Kind: k, Subresource: sub, Namespace: namespace, Name: name, Reader: spaces{}}
		}
	}
	panic(resource)
}

// spaces is a Reader with the namespace "prod" alone, labelled so.
type spaces struct{}

func (spaces) Get(_ subject.Resource, _, name string) (kind.Object, bool) {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"env": name}}}, name == "prod"
}
func (spaces) List(subject.Resource, string) []kind.Object { return nil }

func TestMatches(t *testing.T) {
	t.Parallel()
	scoped := func(s registrationv1.ScopeType) *registrationv1.ScopeType { return &s }
	rule := func(op registrationv1.OperationType, group, version, resource string, scope *registrationv1.ScopeType) *registrationv1.RuleWithOperations {
		return &registrationv1.RuleWithOperations{
			Operations: []registrationv1.OperationType{op},
			Rule:       registrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource}, Scope: scope},
		}
	}
	pod, status, space := ask("pods", "shop", "web"), ask("pods/status", "shop", "web"), ask("namespaces", "", "shop")
	for i, c := range []struct {
		rule *registrationv1.RuleWithOperations
		q    *kind.Request
		want bool
	}{
		{rule("CREATE", "", "v1", "pods", nil), pod, true},
		{rule("*", "*", "*", "*", nil), pod, true},
		{rule("UPDATE", "", "v1", "pods", nil), pod, false},
		{rule("CREATE", "apps", "v1", "pods", nil), pod, false},
		{rule("CREATE", "", "v2", "pods", nil), pod, false},
		{rule("CREATE", "", "v1", "services", nil), pod, false},
		{rule("CREATE", "", "v1", "pods", nil), status, false},
		{rule("CREATE", "", "v1", "*", nil), status, false},
		{rule("CREATE", "", "v1", "pods/*", nil), status, true},
		{rule("CREATE", "", "v1", "*/status", nil), status, true},
		{rule("CREATE", "", "v1", "*/*", nil), pod, true},
		{rule("CREATE", "", "v1", "pods", scoped(registrationv1.NamespacedScope)), pod, true},
		{rule("CREATE", "", "v1", "pods", scoped(registrationv1.ClusterScope)), pod, false},
		{rule("CREATE", "", "v1", "namespaces", scoped(registrationv1.ClusterScope)), space, true},
		{rule("CREATE", "", "v1", "namespaces", scoped(registrationv1.NamespacedScope)), space, false},
	} {
		if got := Matches(c.rule, registrationv1.Create, c.q); got != c.want {
			t.Errorf("%d: %v matches %s/%s: %v", i, c.rule, c.q.Kind.Resource, c.q.Subresource, got)
		}
	}
	named := &registrationv1.NamedRuleWithOperations{ResourceNames: []string{"db"}, RuleWithOperations: *rule("*", "*", "*", "*", nil)}
	if MatchesNamed(named, registrationv1.Create, pod) || !MatchesNamed(named, registrationv1.Create, ask("pods", "shop", "db")) {
		t.Error("names do not count")
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	prod := &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"env": "prod"}}}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new", Labels: map[string]string{"env": "prod"}}}
	for name, c := range map[string]struct {
		namespaces, objects *metav1.LabelSelector
		q                   *kind.Request
		obj, old            kind.Object
		want                bool
		fault               string
	}{
		"all":                   {nil, &metav1.LabelSelector{}, ask("pods", "gone", "a"), pod, nil, true, ""},
		"namespace":             {prod, nil, ask("pods", "prod", "a"), pod, nil, true, ""},
		"no namespace":          {prod, nil, ask("pods", "gone", "a"), pod, nil, false, `namespaces "gone" not found`},
		"cluster-scoped":        {prod, nil, ask("nodes", "", "a"), pod, nil, true, ""},
		"a new namespace":       {prod, nil, ask("namespaces", "", "new"), space, nil, true, ""},
		"object":                {nil, prod, ask("pods", "x", "a"), pod, nil, true, ""},
		"what it was":           {nil, prod, ask("pods", "x", "a"), &corev1.Pod{}, pod, true, ""},
		"neither":               {nil, prod, ask("pods", "x", "a"), &corev1.Pod{}, &corev1.Pod{}, false, ""},
		"a deleted object":      {nil, prod, ask("pods", "x", "a"), nil, pod, true, ""},
		"a selector that isn't": {&metav1.LabelSelector{MatchLabels: map[string]string{"-": ""}}, nil, ask("pods", "x", "a"), pod, nil, false, "Internal error occurred"},
	} {
		s := NewSelectors(c.namespaces, c.objects)
		got, err := s.Match(context.Background(), c.q, Operation(c.obj, c.old), c.obj, c.old)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || !strings.HasPrefix(text, c.fault) || c.fault == "" && err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}}
	q := ask("pods", "shop", "web")
	q.Kind.Default(pod)
	a := New(q, registrationv1.Create, pod, nil)
	text, err := a.ObjectText()
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := a.Replace(text); changed || err != nil {
		t.Errorf("the same object: changed %v, %v", changed, err)
	}
	changed, err := a.Replace([]byte(strings.Replace(string(text), `"image":"b"`, `"image":"c"`, 1)))
	if !changed || err != nil || pod.Spec.Containers[0].Image != "c" {
		t.Errorf("changed %v, %v: %v", changed, err, pod.Spec.Containers)
	}
	if text, err := a.ObjectText(); err != nil || !strings.Contains(string(text), `"image":"c"`) {
		t.Errorf("its text is %s, %v", text, err)
	}
	forged := strings.Replace(string(text), `"metadata":{`, `"metadata":{"deletionTimestamp":"2030-01-01T00:00:00Z","generation":7,`, 1)
	if changed, err := a.Replace([]byte(strings.Replace(forged, `"image":"b"`, `"image":"c"`, 1))); changed || err != nil || pod.DeletionTimestamp != nil || pod.Generation != 0 {
		t.Errorf("what is the system's was changed: %v, %v: %v", changed, err, pod.ObjectMeta)
	}
	for _, bad := range []string{"{", `{"kind":"Pod","apiVersion":"v2"}`, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"other","namespace":"shop"}}`} {
		if changed, err := a.Replace([]byte(bad)); changed || err == nil {
			t.Errorf("%s: changed %v, %v", bad, changed, err)
		}
	}
}

func TestReplaceScale(t *testing.T) {
	t.Parallel()
	two := int32(2)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: &two}}
	a := New(ask("deployments/scale", "shop", "web"), registrationv1.Update, d, d.DeepCopy())
	if _, ok := a.object.(*autoscalingv1.Scale); !ok || a.Kind.Kind != "Scale" {
		t.Fatalf("seen as %T %v", a.object, a.Kind)
	}
	text, err := a.ObjectText()
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := a.Replace([]byte(strings.Replace(string(text), `"replicas":2`, `"replicas":5`, 1))); !changed || err != nil || *d.Spec.Replicas != 5 {
		t.Errorf("%v, %v: %d", changed, err, *d.Spec.Replicas)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	fail, ignore := registrationv1.Fail, registrationv1.Ignore
	for i, c := range []struct {
		texts   []string
		failure *registrationv1.FailurePolicyType
		want    bool
		fault   string
	}{
		{nil, &fail, true, ""},
		{[]string{"object.metadata.name == 'web'", "true"}, &fail, true, ""},
		{[]string{"object.none", "false"}, &fail, false, ""},
		{[]string{"object.none.none == 1", "true"}, &fail, false, "expression 'object.none.none == 1' resulted in error: no such key: none"},
		{[]string{"object.none.none == 1", "true"}, &ignore, false, ""},
	} {
		var list []registrationv1.MatchCondition
		for _, text := range c.texts {
			list = append(list, registrationv1.MatchCondition{Name: "c", Expression: text})
		}
		conditions := NewConditions(list, c.failure, false)
		a := New(ask("pods", "shop", "web"), registrationv1.Create, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, nil)
		in, err := a.Input(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := conditions.Match(t.Context(), in)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.fault {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
}
