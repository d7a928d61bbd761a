package admission

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

func labelled(labels map[string]string) *corev1.Namespace {
	n := space("shop", corev1.NamespaceActive)
	n.Labels = labels
	return n
}

func TestPodSecurity(t *testing.T) {
	t.Parallel()
	const enforce, warn, audit = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"
	yes := true
	privileged := podWith(corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b", SecurityContext: &corev1.SecurityContext{Privileged: &yes}}}})
	const violates = `violates PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)`
	const head = `pods "web" is forbidden: `
	for name, c := range map[string]struct {
		labels  map[string]string
		request string
		obj     kind.Object
		old     kind.Object
		want    string
		warned  string
		noted   string
	}{
		"no labels":  {nil, "pods", privileged, nil, "", "", ""},
		"enforced":   {map[string]string{enforce: "baseline"}, "pods", privileged, nil, head + violates, "", ""},
		"harmless":   {map[string]string{enforce: "baseline"}, "pods", podWith(corev1.PodSpec{}), nil, "", "", ""},
		"its status": {map[string]string{enforce: "baseline"}, "pods/status", privileged, privileged, "", "", ""},
		"warned":     {map[string]string{warn: "baseline"}, "pods", privileged, nil, "", "would " + strings.Replace(violates, "violates", "violate", 1), ""},
		"noted":      {map[string]string{audit: "baseline"}, "pods", privileged, nil, "", "", "would " + strings.Replace(violates, "violates", "violate", 1)},
		"template": {map[string]string{warn: "baseline"}, "deployments", &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: privileged.Spec}}}, nil,
			"", "would " + strings.Replace(violates, "violates", "violate", 1), ""},
		"no standard": {nil, "namespaces", labelled(map[string]string{enforce: "strict"}), nil,
			`Namespace "web" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warned []string
			q := ask(&cluster{have: []kind.Object{labelled(c.labels)}}, "create", c.request, "shop", "web")
			q.Warn = func(text string) { warned = append(warned, text) }
			wantText(t, NewPodSecurity().Validate(context.Background(), q, c.obj, c.old), c.want)
			if got := strings.Join(warned, "\n"); got != c.warned {
				t.Errorf("warned %q\nwant   %q", got, c.warned)
			}
			if got := q.Admission.GetAnnotations()["pod-security.kubernetes.io/audit-violations"]; got != c.noted {
				t.Errorf("noted %q\nwant  %q", got, c.noted)
			}
		})
	}
}
