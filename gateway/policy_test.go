package gateway_test

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func namedRules(resource string, operations ...registrationv1.OperationType) []registrationv1.NamedRuleWithOperations {
	return []registrationv1.NamedRuleWithOperations{{RuleWithOperations: ruleOf(resource, operations...)[0]}}
}

// policy makes a validating policy for configmaps, and its binding to a namespace.
func (h *hooked) policy(t *testing.T, name string, in *metav1.LabelSelector, s registrationv1.ValidatingAdmissionPolicySpec, b registrationv1.ValidatingAdmissionPolicyBindingSpec) {
	t.Helper()
	if s.MatchConstraints == nil {
		s.MatchConstraints = &registrationv1.MatchResources{ResourceRules: namedRules("configmaps", registrationv1.Create, registrationv1.Update)}
	}
	b.PolicyName = name
	b.MatchResources = &registrationv1.MatchResources{NamespaceSelector: in}
	if b.ValidationActions == nil {
		b.ValidationActions = []registrationv1.ValidationAction{registrationv1.Deny}
	}
	p, err := h.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(t.Context(),
		&registrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: s}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.ValidatingPolicies, p.ResourceVersion)
	made, err := h.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(t.Context(),
		&registrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: b}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.ValidatingPolicyBindings, made.ResourceVersion)
}

func (h *hooked) mutation(t *testing.T, name string, in *metav1.LabelSelector, s registrationv1.MutatingAdmissionPolicySpec) {
	t.Helper()
	s.MatchConstraints = &registrationv1.MatchResources{ResourceRules: namedRules("*", registrationv1.Create), NamespaceSelector: in}
	p, err := h.AdmissionregistrationV1().MutatingAdmissionPolicies().Create(t.Context(),
		&registrationv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: s}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.MutatingPolicies, p.ResourceVersion)
	made, err := h.AdmissionregistrationV1().MutatingAdmissionPolicyBindings().Create(t.Context(), &registrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: registrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, kind.MutatingPolicyBindings, made.ResourceVersion)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	h := openHooked(t)
	for name, test := range map[string]func(*testing.T, *hooked){
		"deny": testPolicyDenies, "params": testPolicyParams, "actions": testPolicyActions, "fails": testPolicyFails, "context": testPolicyContext, "connect": testPolicyConnect,
		"apply": testMutationApplies, "patch": testMutationPatches, "broken": testMutationFails,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

// wantRefused checks a refusal's text and reason; "" for none.
func wantRefused(t *testing.T, err error, want string, reason metav1.StatusReason) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want || want != "" && apierrors.ReasonForError(err) != reason {
		t.Errorf("answer %s (%s)\nwant   %s (%s)", got, apierrors.ReasonForError(err), want, reason)
	}
}

func testPolicyDenies(t *testing.T, h *hooked) {
	forbidden := metav1.StatusReasonForbidden
	h.policy(t, "p-deny", h.namespace(t, "p-deny"), registrationv1.ValidatingAdmissionPolicySpec{
		MatchConditions: []registrationv1.MatchCondition{{Name: "counted", Expression: "object.metadata.name != 'free'"}},
		Variables: []registrationv1.Variable{
			{Name: "length", Expression: "size(object.metadata.name)"}, {Name: "long", Expression: "variables.length > 5"},
		},
		Validations: []registrationv1.Validation{
			{Expression: "!variables.long", MessageExpression: "object.metadata.name + ' has ' + string(variables.length) + ' letters'"},
			{Expression: "object.metadata.name != 'bad'", Message: "it is bad", Reason: &forbidden},
			{Expression: "object.metadata.name != 'ugly'"},
		},
	}, registrationv1.ValidatingAdmissionPolicyBindingSpec{})
	head := func(name string) string {
		return `configmaps "` + name + `" is forbidden: ValidatingAdmissionPolicy 'p-deny' with binding 'p-deny' denied request: `
	}
	for name, want := range map[string]string{
		"free": "", "good": "", "longest": head("longest") + "longest has 7 letters", "ugly": head("ugly") + "failed expression: object.metadata.name != 'ugly'",
	} {
		_, err := h.configMap(t.Context(), "p-deny", name)
		wantRefused(t, err, want, metav1.StatusReasonInvalid)
	}
	_, err := h.configMap(t.Context(), "p-deny", "bad")
	wantRefused(t, err, head("bad")+"it is bad", forbidden)
	e := h.audited(t, subject.Object{Resource: subject.ConfigMaps, Namespace: "p-deny", Name: "bad"})
	if s := e.GetAdmission().GetSteps()[0]; s.GetPlugin() != "ValidatingAdmissionPolicy" || s.GetName() != "p-deny" || s.GetConfiguration() != "p-deny" || s.GetCode() != 403 {
		t.Errorf("audited %v", e)
	}
}

func testPolicyParams(t *testing.T, h *hooked) {
	deny, allow := registrationv1.DenyAction, registrationv1.AllowAction
	in := h.namespace(t, "p-params")
	spec := registrationv1.ValidatingAdmissionPolicySpec{
		ParamKind:       &registrationv1.ParamKind{APIVersion: "v1", Kind: "Secret"},
		MatchConditions: []registrationv1.MatchCondition{{Name: "c", Expression: "size(object.metadata.name) == 1"}},
		Validations:     []registrationv1.Validation{{Expression: "object.metadata.name in params.data", MessageExpression: "'not in ' + params.metadata.name"}},
	}
	if _, err := h.CoreV1().Secrets("p-params").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "names", Labels: map[string]string{"names": "yes"}}, Data: map[string][]byte{"a": nil, "b": nil},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.policy(t, "p-named", in, spec, registrationv1.ValidatingAdmissionPolicyBindingSpec{ParamRef: &registrationv1.ParamRef{Name: "names", ParameterNotFoundAction: &deny}})
	h.policy(t, "p-selected", in, spec, registrationv1.ValidatingAdmissionPolicyBindingSpec{ParamRef: &registrationv1.ParamRef{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"names": "yes"}}, ParameterNotFoundAction: &deny,
	}})
	h.policy(t, "p-unfound", in, spec, registrationv1.ValidatingAdmissionPolicyBindingSpec{ParamRef: &registrationv1.ParamRef{Name: "none", ParameterNotFoundAction: &allow}})
	for name, want := range map[string]string{
		"a": "", "c": `configmaps "c" is forbidden: ValidatingAdmissionPolicy 'p-named' with binding 'p-named' denied request: not in names`,
	} {
		_, err := h.configMap(t.Context(), "p-params", name)
		wantRefused(t, err, want, metav1.StatusReasonInvalid)
	}
	h.policy(t, "p-missing", in, spec, registrationv1.ValidatingAdmissionPolicyBindingSpec{ParamRef: &registrationv1.ParamRef{Name: "none", ParameterNotFoundAction: &deny}})
	_, err := h.configMap(t.Context(), "p-params", "b")
	wantRefused(t, err, `configmaps "b" is forbidden: ValidatingAdmissionPolicy 'p-missing' with binding 'p-missing' denied request: failed to configure binding: no params found for policy binding with `+"`Deny`"+` parameterNotFoundAction`, metav1.StatusReasonInvalid)
}

func testPolicyActions(t *testing.T, h *hooked) {
	in := h.namespace(t, "p-actions")
	h.policy(t, "p-actions", in, registrationv1.ValidatingAdmissionPolicySpec{
		Validations:      []registrationv1.Validation{{Expression: "false", Message: "never good"}},
		AuditAnnotations: []registrationv1.AuditAnnotation{{Key: "name", ValueExpression: "string(object.metadata.name)"}, {Key: "none", ValueExpression: "null"}},
	}, registrationv1.ValidatingAdmissionPolicyBindingSpec{ValidationActions: []registrationv1.ValidationAction{registrationv1.Warn, registrationv1.Audit}})
	var told warnings
	c := h.clientWith(t, func(c *rest.Config) { c.WarningHandler = &told })
	if _, err := c.CoreV1().ConfigMaps("p-actions").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "Validation failed for ValidatingAdmissionPolicy 'p-actions' with binding 'p-actions': never good"; len(told) != 1 || told[0] != want {
		t.Errorf("warned %q, want %q", told, want)
	}
	got := h.event(t, subject.Object{Resource: subject.ConfigMaps, Namespace: "p-actions", Name: "a"}).GetAdmission().GetAnnotations()
	want := `[{"message":"never good","policy":"p-actions","binding":"p-actions","expressionIndex":0,"validationActions":["Warn","Audit"]}]`
	if got["validation.policy.admission.k8s.io/validation_failure"] != want || got["p-actions/name"] != "a" || len(got) != 2 {
		t.Errorf("annotations %v", got)
	}
}

// warnings are what a client was warned of.
type warnings []string

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) { *w = append(*w, text) }

func testPolicyFails(t *testing.T, h *hooked) {
	in := h.namespace(t, "p-fails")
	ignore := registrationv1.Ignore
	broken := registrationv1.ValidatingAdmissionPolicySpec{Validations: []registrationv1.Validation{{Expression: "object.none.none == 2"}}}
	broken.FailurePolicy = &ignore
	h.policy(t, "p-ignored", in, broken, registrationv1.ValidatingAdmissionPolicyBindingSpec{})
	if _, err := h.configMap(t.Context(), "p-fails", "a"); err != nil {
		t.Error(err)
	}
	broken.FailurePolicy = nil
	broken.Validations[0].Expression = "object.none.none == 1"
	h.policy(t, "p-broken", in, broken, registrationv1.ValidatingAdmissionPolicyBindingSpec{})
	_, err := h.configMap(t.Context(), "p-fails", "b")
	wantRefused(t, err, `configmaps "b" is forbidden: ValidatingAdmissionPolicy 'p-broken' with binding 'p-broken' denied request: expression 'object.none.none == 1' resulted in error: no such key: none`, metav1.StatusReasonInvalid)
}

// testPolicyContext looks at what an expression sees beside the object, on updates and deletes.
func testPolicyContext(t *testing.T, h *hooked) {
	in := h.namespace(t, "p-context")
	h.policy(t, "p-context", in, registrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &registrationv1.MatchResources{ResourceRules: namedRules("configmaps", registrationv1.Create, registrationv1.Update, registrationv1.Delete)},
		Validations: []registrationv1.Validation{
			{Expression: "namespaceObject.metadata.labels['test'] == request.namespace"},
			{Expression: "(request.operation == 'CREATE') == (oldObject == null) && (request.operation == 'DELETE') == (object == null)"},
			{Expression: "authorizer.requestResource.check('delete').allowed() && request.userInfo.groups.exists(g, g == 'system:masters')"},
			{Expression: "request.operation != 'UPDATE' || object.data.a != 'c' || oldObject.data.a == 'b'"},
			{Expression: "request.resource.resource == 'configmaps' && object == null || object.kind == 'ConfigMap'"},
		},
	}, registrationv1.ValidatingAdmissionPolicyBindingSpec{})
	made, err := h.configMap(t.Context(), "p-context", "a")
	if err != nil {
		t.Fatal(err)
	}
	made.Data["a"] = "c"
	if made, err = h.CoreV1().ConfigMaps("p-context").Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	made.Data["x"] = "y"
	_, err = h.CoreV1().ConfigMaps("p-context").Update(t.Context(), made, metav1.UpdateOptions{})
	if err == nil || !strings.Contains(err.Error(), "failed expression: request.operation != 'UPDATE'") {
		t.Error(err)
	}
	if err := h.CoreV1().ConfigMaps("p-context").Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// testPolicyConnect refuses to run a command, and has a webhook look at another connection.
func testPolicyConnect(t *testing.T, h *hooked) {
	in := h.namespace(t, "p-connect")
	if _, err := h.CoreV1().ServiceAccounts("p-connect").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CoreV1().Pods("p-connect").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.policy(t, "p-connect", in, registrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &registrationv1.MatchResources{ResourceRules: namedRules("pods/exec", registrationv1.Connect)},
		Validations:      []registrationv1.Validation{{Expression: "object.command[0] != 'sh'", Message: "no shells"}},
	}, registrationv1.ValidatingAdmissionPolicyBindingSpec{})
	j := say(t, func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: string(r.Operation) + " " + string(r.Object.Raw)}}
	})
	h.validate(t, "p-connect", registrationv1.ValidatingWebhook{
		Name: "a.connect.test", ClientConfig: clientOf(j.Server), Rules: ruleOf("pods/attach", registrationv1.Connect), NamespaceSelector: in,
	})
	connect := func(sub, key, value string) error {
		return h.CoreV1().RESTClient().Post().Namespace("p-connect").Resource("pods").Name("web").SubResource(sub).
			Param("stdin", "true").Param(key, value).Do(t.Context()).Error()
	}
	wantRefused(t, connect("exec", "command", "sh"),
		`pods "web" is forbidden: ValidatingAdmissionPolicy 'p-connect' with binding 'p-connect' denied request: no shells`, metav1.StatusReasonInvalid)
	if err := connect("exec", "command", "ls"); err == nil || !strings.Contains(err.Error(), "does not have a host assigned") {
		t.Errorf("what is allowed goes on to the node: %v", err)
	}
	want := `admission webhook "a.connect.test" denied the request: CONNECT {"kind":"PodAttachOptions","apiVersion":"v1","stdin":true,"container":"a"}`
	if err := connect("attach", "container", "a"); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if e := h.audited(t, subject.Object{Resource: subject.Pods, Namespace: "p-connect", Name: "web"}); e.GetSubresource() != "exec" {
		t.Errorf("audited %v", e)
	}
}

func testMutationApplies(t *testing.T, h *hooked) {
	in := h.namespace(t, "m-apply")
	h.mutation(t, "m-apply", in, registrationv1.MutatingAdmissionPolicySpec{
		Variables:          []registrationv1.Variable{{Name: "team", Expression: "namespaceObject.metadata.labels['test']"}},
		ReinvocationPolicy: registrationv1.IfNeededReinvocationPolicy,
		MatchConditions:    []registrationv1.MatchCondition{{Name: "pods", Expression: "object.kind == 'Pod'"}},
		Mutations: []registrationv1.Mutation{
			{PatchType: registrationv1.PatchTypeApplyConfiguration, ApplyConfiguration: &registrationv1.ApplyConfiguration{
				Expression: `Object{metadata: Object.metadata{labels: {'team': variables.team}}, spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'side', image: 'car'}]}}`,
			}},
		},
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := h.CoreV1().ServiceAccounts("m-apply").Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	made, err := h.CoreV1().Pods("m-apply").Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made.Labels["team"] != "m-apply" || made.Labels["a"] != "b" || len(made.Spec.InitContainers) != 1 || made.Spec.InitContainers[0].TerminationMessagePath == "" {
		t.Errorf("made %v %v", made.Labels, made.Spec.InitContainers)
	}
	steps := h.event(t, subject.Object{Resource: subject.Pods, Namespace: "m-apply", Name: "web"}).GetAdmission().GetSteps()
	if len(steps) != 1 || strings.Join(steps[0].GetPaths(), " ") != "/metadata/labels/team /spec/initContainers" {
		t.Errorf("steps %v", steps)
	}
}

func testMutationPatches(t *testing.T, h *hooked) {
	in := h.namespace(t, "m-patch")
	h.mutation(t, "m-patch", in, registrationv1.MutatingAdmissionPolicySpec{
		Mutations: []registrationv1.Mutation{
			{PatchType: registrationv1.PatchTypeJSONPatch, JSONPatch: &registrationv1.JSONPatch{
				Expression: `[JSONPatch{op: 'test', path: '/data/a', value: 'other'}, JSONPatch{op: 'remove', path: '/data'}]`,
			}},
			{PatchType: registrationv1.PatchTypeJSONPatch, JSONPatch: &registrationv1.JSONPatch{
				Expression: `[JSONPatch{op: 'add', path: '/metadata/annotations', value: {}}, JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('x/y'), value: object.data.a + '!'}]`,
			}},
		},
	})
	made, err := h.configMap(t.Context(), "m-patch", "a")
	if err != nil {
		t.Fatal(err)
	}
	if made.Annotations["x/y"] != "b!" || made.Data["a"] != "b" {
		t.Errorf("made %v %v", made.Annotations, made.Data)
	}
}

func testMutationFails(t *testing.T, h *hooked) {
	apply := func(text string) registrationv1.MutatingAdmissionPolicySpec {
		return registrationv1.MutatingAdmissionPolicySpec{Mutations: []registrationv1.Mutation{{
			PatchType: registrationv1.PatchTypeApplyConfiguration, ApplyConfiguration: &registrationv1.ApplyConfiguration{Expression: text},
		}}}
	}
	for name, c := range map[string]struct{ text, want string }{
		"m-atomic":  {"Object{spec: Object.spec{nodeSelector: {'a': 'b'}}}", "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.nodeSelector"},
		"m-unknown": {"Object{none: 1}", "error applying patch: failed to convert patch object to typed object: .none: field not declared in schema"},
		"m-type":    {"Object{spec: Object.other{}}", "type mismatch: "},
		"m-rename":  {"Object{metadata: Object.metadata{name: 'other'}}", "the object's name, namespace or uid was changed"},
	} {
		in := h.namespace(t, name)
		if _, err := h.CoreV1().ServiceAccounts(name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		h.mutation(t, name, in, apply(c.text))
		_, err := h.CoreV1().Pods(name).Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}, ServiceAccountName: "default"},
		}, metav1.CreateOptions{})
		if want := "policy '" + name + "' with binding '" + name + "' denied request: " + c.want; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
