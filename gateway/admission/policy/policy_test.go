package policy

import (
	"slices"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// objects are a Reader by resource.
type objects map[subject.Resource][]kind.Object

func (o objects) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	i := slices.IndexFunc(o[r], func(obj kind.Object) bool { return obj.GetNamespace() == namespace && obj.GetName() == name })
	if i < 0 {
		return nil, false
	}
	return o[r][i], true
}

func (o objects) List(r subject.Resource, _ string) []kind.Object { return o[r] }

func rule(name, version, text string) kind.Object {
	return &registrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version},
		Spec: registrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &registrationv1.MatchResources{ResourceRules: []registrationv1.NamedRuleWithOperations{{
				RuleWithOperations: registrationv1.RuleWithOperations{
					Operations: []registrationv1.OperationType{"*"},
					Rule:       registrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"configmaps"}},
				},
			}}},
			Validations: []registrationv1.Validation{{Expression: text}},
		},
	}
}

func bind(name, to string) kind.Object {
	return &registrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"},
		Spec: registrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: to, ValidationActions: []registrationv1.ValidationAction{registrationv1.Deny},
		},
	}
}

func TestOnlyWhatChangedIsCompiledAgain(t *testing.T) {
	t.Parallel()
	o := objects{
		kind.ValidatingPolicies:       {rule("a", "1", "true"), rule("b", "2", "true"), rule("unbound", "3", "true")},
		kind.ValidatingPolicyBindings: {bind("x", "a"), bind("y", "b"), bind("z", "b"), bind("w", "none")},
	}
	p := New(Config{Objects: o})
	first := p.validators.Now()
	if len(first.policies) != 2 || len(first.policies[1].bindings) != 2 {
		t.Fatalf("compiled %v", first.policies)
	}
	o[kind.ValidatingPolicies] = []kind.Object{rule("a", "1", "true"), rule("b", "4", "false")}
	p.Changed(subject.Object{Resource: kind.ValidatingPolicies, Name: "b"})
	second := p.validators.Now()
	if second.policies[0].policy != first.policies[0].policy || second.policies[1].policy == first.policies[1].policy ||
		second.policies[1].bindings[0] != first.policies[1].bindings[0] {
		t.Error("compiled too much or too little")
	}
	if !p.Watches(kind.MutatingPolicyBindings) || p.Watches(subject.Pods) {
		t.Error("watches the wrong resources")
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	p := New(Config{Objects: objects{}})
	pod := func(spec map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": spec}}
	}
	container := func(name, image string) any { return map[string]any{"name": name, "image": image} }
	live := pod(map[string]any{"containers": []any{container("a", "1"), container("b", "2")}})
	out, err := p.merge(live, pod(map[string]any{"containers": []any{container("b", "3")}, "hostname": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	spec := out.(*unstructured.Unstructured).Object["spec"].(map[string]any)
	list := spec["containers"].([]any)
	if len(list) != 2 || list[1].(map[string]any)["image"] != "3" || spec["hostname"] != "x" {
		t.Errorf("merged to %v", spec)
	}
	if got := leaves(nil, "", map[string]any{"b": map[string]any{"x/y": 1}, "a": []any{1}}); !slices.Equal(got, []string{"/a", "/b/x~1y"}) {
		t.Errorf("leaves %v", got)
	}
}

func configMap() (*kind.Request, kind.Object) {
	all := kind.All(kind.Hooks{})
	i := slices.IndexFunc(all, func(k *kind.Kind) bool { return k.Resource == "configmaps" })
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}, Data: map[string]string{"a": "b"}}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	return &kind.Request{Kind: all[i], Namespace: "shop", Name: "a", Reader: objects{subject.Namespaces: {space}}}, obj
}

func TestARequestThatMatchesNothingAllocatesNothing(t *testing.T) {
	other := rule("a", "1", "false")
	other.(*registrationv1.ValidatingAdmissionPolicy).Spec.MatchConstraints.ResourceRules[0].Resources = []string{"pods"}
	p := New(Config{Objects: objects{kind.ValidatingPolicies: {other}, kind.ValidatingPolicyBindings: {bind("x", "a")}}})
	v := validatingPlugin{p}
	r, obj := configMap()
	n := testing.AllocsPerRun(100, func() {
		if err := v.Validate(t.Context(), r, obj, nil); err != nil {
			t.Error(err)
		}
	})
	if n > 1 { // the write itself
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkValidate is a policy with one expression.
func BenchmarkValidate(b *testing.B) {
	p := New(Config{Objects: objects{kind.ValidatingPolicies: {rule("a", "1", "object.data.a == 'b'")}, kind.ValidatingPolicyBindings: {bind("x", "a")}}})
	v := validatingPlugin{p}
	r, obj := configMap()
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Validate(b.Context(), r, obj, nil); err != nil {
			b.Fatal(err)
		}
	}
}
