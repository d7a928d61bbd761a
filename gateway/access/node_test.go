package access

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func TestNode(t *testing.T) {
	t.Parallel()
	imagePull := podOn("deck", "bank", "vault", "default")
	imagePull.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	env := podOn("deck", "shop", "env", "clerk")
	env.Spec.InitContainers = []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}}}
	m := newMemory(podOn("deck", "shop", "web", "clerk", secretVolume("till")), podOn("hold", "shop", "far", "cook", secretVolume("safe")), imagePull, env)
	indexed := func(node string) (list []kind.Object) {
		for _, o := range m.List(subject.Pods, "") {
			if o.(*corev1.Pod).Spec.NodeName == node {
				list = append(list, o)
			}
		}
		return list
	}
	deck := NodeUser("deck")
	for name, a := range map[string]*Authorizer{"listed": NewAuthorizer(m, nil), "indexed": NewAuthorizer(m, indexed)} {
		for _, c := range []struct {
			a    Attributes
			want string // "" is allowed
		}{
			{resource(deck, "get", "", "secrets", "shop", "till"), ""},
			{resource(deck, "get", "", "secrets", "bank", "pull"), ""},
			{resource(deck, "get", "", "configmaps", "shop", "settings"), ""},
			{resource(deck, "create", "", "serviceaccounts/token", "shop", "clerk"), ""},
			{resource(deck, "get", "", "secrets", "shop", "safe"), "no relationship found between node 'deck' and this object"},
			{resource(deck, "get", "", "secrets", "bank", "till"), "no relationship found"},
			{resource(deck, "create", "", "serviceaccounts/token", "shop", "cook"), "no relationship found"},
			{resource(deck, "list", "", "secrets", "shop", ""), "refused"},
			{resource(deck, "update", "", "secrets", "shop", "till"), "refused"},
			{resource(deck, "list", "", "pods", "", ""), ""},
			{resource(deck, "patch", "", "pods/status", "shop", "web"), ""},
			{resource(deck, "delete", "", "pods", "shop", "web"), ""},
			{resource(deck, "patch", "", "pods/status", "shop", "far"), `node "deck" can only patch pods with spec.nodeName set to itself`},
			{resource(deck, "create", "", "pods/binding", "shop", "web"), "refused"},
			{resource(deck, "patch", "", "nodes/status", "", "deck"), ""},
			{resource(deck, "create", "", "nodes", "", ""), ""},
			{resource(deck, "patch", "", "nodes/status", "", "hold"), `node "deck" is not allowed to modify node "hold"`},
			{resource(deck, "get", "", "nodes", "", "hold"), ""},
			{resource(deck, "update", "coordination.k8s.io", "leases", "kube-node-lease", "deck"), ""},
			{resource(deck, "update", "coordination.k8s.io", "leases", "kube-node-lease", "hold"), "can only access node lease with the same name"},
			{resource(deck, "update", "coordination.k8s.io", "leases", "shop", "deck"), `"kube-node-lease" system namespace`},
			{resource(deck, "create", "", "events", "shop", ""), ""},
			{resource(deck, "get", "", "configmaps", "kube-system", "x"), "no relationship found"},
			{resource(member("system:node:deck"), "get", "", "secrets", "shop", "till"), "refused"},
		} {
			allowed, reason, err := a.Authorize(t.Context(), c.a)
			if allowed != (c.want == "") || c.want != "refused" && !strings.Contains(reason, c.want) || err != nil {
				t.Errorf("%s: %s: %v %q, want %q", name, ForbiddenText(&c.a), allowed, reason, c.want)
			}
		}
	}
}
