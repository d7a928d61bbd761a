package admission

import (
	"context"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/gateway/kind"
)

func nodeLabelled(label string, taints ...corev1.Taint) *corev1.Node {
	n := &corev1.Node{ObjectMeta: meta("", "n1"), Spec: corev1.NodeSpec{Taints: taints}}
	n.UID = "n1-uid"
	if label != "" {
		n.Labels = map[string]string{label: "x"}
	}
	return n
}

func boundTo(node string) *corev1.Pod {
	p := podWith(corev1.PodSpec{NodeName: node})
	p.UID = "web-uid"
	return p
}

// mirror is a mirror pod of n1, changed.
func mirror(change func(p *corev1.Pod)) *corev1.Pod {
	yes := true
	p := boundTo("n1")
	p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "n1-uid", Controller: &yes}}
	if change != nil {
		change(p)
	}
	return p
}

// tokenFor asks for a token bound to pod web of a uid, "" for none.
func tokenFor(uid types.UID, audiences ...string) *authenticationv1.TokenRequest {
	r := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
	if uid != "" {
		r.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "web", UID: uid}
	}
	return r
}

type restriction struct {
	verb, resource, key string
	have                []kind.Object
	obj, old            kind.Object
	want                string
}

func (c *restriction) admit(user kind.User) error {
	namespace, name, ok := strings.Cut(c.key, "/")
	if !ok {
		namespace, name = "", c.key
	}
	q := ask(&cluster{have: c.have}, c.verb, c.resource, namespace, name)
	q.User = user
	return NodeRestriction{}.Admit(context.Background(), q, c.obj, c.old)
}

func TestNodeRestriction(t *testing.T) {
	t.Parallel()
	agent := kind.User{Name: "system:node:n1", Groups: []string{"system:nodes"}}
	for name, c := range restrictions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantText(t, c.admit(agent), c.want)
			for _, other := range []kind.User{{Name: "jane"}, {Name: "system:node:n1", Groups: []string{"system:authenticated"}}} {
				wantText(t, c.admit(other), "")
			}
		})
	}
}

func restrictions() map[string]restriction {
	all := map[string]restriction{}
	for _, group := range []map[string]restriction{nodeRestrictions(), podRestrictions(), mirrorRestrictions(), tokenRestrictions()} {
		for name, c := range group {
			all[name] = c
		}
	}
	return all
}

func nodeRestrictions() map[string]restriction {
	taint := corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}
	owned := nodeLabelled("")
	owned.OwnerReferences = []metav1.OwnerReference{{Name: "x"}}
	const refused = `nodes "n1" is forbidden: `
	lease := new(coordinationv1.Lease)
	return map[string]restriction{
		"registers":                {verb: "create", resource: "nodes", key: "n1", obj: nodeLabelled("kubernetes.io/hostname", taint)},
		"registers with its label": {verb: "create", resource: "nodes", key: "n1", obj: nodeLabelled("example.com/rack")},
		"registers with a role": {verb: "create", resource: "nodes", key: "n1", obj: nodeLabelled("node-role.kubernetes.io/master"),
			want: refused + `node "n1" is not allowed to set the following labels: node-role.kubernetes.io/master`},
		"registers another": {verb: "create", resource: "nodes", key: "n2", obj: nodeLabelled(""),
			want: `nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"`},
		"labels of its domain": {verb: "patch", resource: "nodes", key: "n1", obj: nodeLabelled("node.kubernetes.io/kind"), old: nodeLabelled("")},
		"restricted label": {verb: "patch", resource: "nodes", key: "n1", obj: nodeLabelled("node-restriction.kubernetes.io/pci"), old: nodeLabelled(""),
			want: refused + "is not allowed to modify labels: node-restriction.kubernetes.io/pci"},
		"restricted label dropped": {verb: "patch", resource: "nodes", key: "n1", obj: nodeLabelled(""), old: nodeLabelled("team.node-restriction.kubernetes.io/pci"),
			want: refused + "is not allowed to modify labels: team.node-restriction.kubernetes.io/pci"},
		"restricted label kept": {verb: "patch", resource: "nodes/status", key: "n1", obj: nodeLabelled("node-restriction.kubernetes.io/pci"),
			old: nodeLabelled("node-restriction.kubernetes.io/pci")},
		"sheds a taint": {verb: "update", resource: "nodes", key: "n1", obj: nodeLabelled(""), old: nodeLabelled("", taint),
			want: refused + `node "n1" is not allowed to modify taints`},
		"owners": {verb: "update", resource: "nodes", key: "n1", obj: owned, old: nodeLabelled(""),
			want: refused + `node "n1" is not allowed to modify ownerReferences`},
		"another's status": {verb: "patch", resource: "nodes/status", key: "n2", obj: nodeLabelled(""), old: nodeLabelled(""),
			want: `nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"`},
		"its lease": {verb: "create", resource: "leases", key: "kube-node-lease/n1", obj: lease},
		"another's lease": {verb: "update", resource: "leases", key: "kube-node-lease/n2", obj: lease, old: lease,
			want: `leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node`},
		"a lease elsewhere": {verb: "create", resource: "leases", key: "kube-system/n1", obj: lease,
			want: `leases.coordination.k8s.io "n1" is forbidden: can only access leases in the "kube-node-lease" system namespace`},
	}
}

func podRestrictions() map[string]restriction {
	relabelled := boundTo("n1")
	relabelled.Labels = map[string]string{"app": "bank"}
	mine, other := boundTo("n1"), boundTo("n2")
	const refused = `pods "web" is forbidden: `
	return map[string]restriction{
		"its pod's status": {verb: "patch", resource: "pods/status", key: "shop/web", obj: mine, old: mine},
		"labels by status": {verb: "patch", resource: "pods/status", key: "shop/web", obj: relabelled, old: mine,
			want: refused + `node "n1" cannot update labels through pod status`},
		"another's pod's status": {verb: "patch", resource: "pods/status", key: "shop/web", obj: other, old: other,
			want: refused + `node "n1" can only update pod status for pods with spec.nodeName set to itself`},
		"deletes its pod": {verb: "delete", resource: "pods", key: "shop/web", old: mine},
		"deletes another's pod": {verb: "delete", resource: "pods", key: "shop/web", old: other,
			want: refused + `node "n1" can only delete pods with spec.nodeName set to itself`},
		"updates its pod": {verb: "update", resource: "pods", key: "shop/web", obj: mine, old: mine,
			want: refused + `unexpected operation "UPDATE", node "n1" can only create and delete mirror pods`},
		"binds a pod": {verb: "create", resource: "pods/binding", key: "shop/web", obj: new(corev1.Binding),
			want: refused + `unexpected pod subresource "binding", only 'status' and 'eviction' are allowed`},
		"evicts its pod": {verb: "create", resource: "pods/eviction", key: "shop/web", have: []kind.Object{mine}, obj: new(policyv1.Eviction)},
		"evicts another's pod": {verb: "create", resource: "pods/eviction", key: "shop/web", have: []kind.Object{other}, obj: new(policyv1.Eviction),
			want: refused + "node n1 can only evict pods with spec.nodeName set to itself"},
		"evicts nothing": {verb: "create", resource: "pods/eviction", key: "shop/web", obj: new(policyv1.Eviction), want: `pods "web" not found`},
	}
}

func mirrorRestrictions() map[string]restriction {
	show := func(want string, change func(p *corev1.Pod)) restriction {
		if want != "" {
			want = `pods "web" is forbidden: ` + want
		}
		return restriction{verb: "create", resource: "pods", key: "shop/web", have: []kind.Object{nodeLabelled("")}, obj: mirror(change), want: want}
	}
	config := []corev1.EnvFromSource{{ConfigMapRef: new(corev1.ConfigMapEnvSource)}}
	return map[string]restriction{
		"a mirror pod": show("", nil),
		"no mirror pod": show(`pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods`,
			func(p *corev1.Pod) { p.Annotations = nil }),
		"elsewhere":      show(`node "n1" can only create pods with spec.nodeName set to itself`, func(p *corev1.Pod) { p.Spec.NodeName = "n2" }),
		"without owner":  show(`node "n1" can only create pods with an owner reference set to itself`, func(p *corev1.Pod) { p.OwnerReferences = nil }),
		"of another":     show(`node "n1" can only create pods with an owner reference set to itself`, func(p *corev1.Pod) { p.OwnerReferences[0].Name = "n2" }),
		"of two":         show(`node "n1" can only create pods with a single owner reference set to itself`, func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, p.OwnerReferences[0]) }),
		"not controlled": show(`node "n1" can only create pods with a controller owner reference set to itself`, func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }),
		"blocking":       show(`node "n1" must not set blockOwnerDeletion on an owner reference`, func(p *corev1.Pod) { p.OwnerReferences[0].BlockOwnerDeletion = p.OwnerReferences[0].Controller }),
		"of its past":    show(`node n1 UID mismatch: expected old got n1-uid`, func(p *corev1.Pod) { p.OwnerReferences[0].UID = "old" }),
		"with account":   show(`node "n1" can not create pods that reference a service account`, func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }),
		"with secret":    show(`node "n1" can not create pods that reference secrets`, func(p *corev1.Pod) { p.Spec.ImagePullSecrets = make([]corev1.LocalObjectReference, 1) }),
		"with config":    show(`node "n1" can not create pods that reference configmaps`, func(p *corev1.Pod) { p.Spec.Containers[0].EnvFrom = config }),
		"with claim": show(`node "n1" can not create pods that reference persistentvolumeclaims`, func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: new(corev1.PersistentVolumeClaimVolumeSource)}}}
		}),
	}
}

func tokenRestrictions() map[string]restriction {
	pod := func(node string) []kind.Object {
		p := boundTo(node)
		p.Spec.Volumes = []corev1.Volume{{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: newAccess()}}}
		return []kind.Object{p}
	}
	token := func(have []kind.Object, r *authenticationv1.TokenRequest, want string) restriction {
		return restriction{verb: "create", resource: "serviceaccounts/token", key: "shop/default", have: have, obj: r, want: want}
	}
	const refused = `serviceaccounts "default" is forbidden: `
	return map[string]restriction{
		"its pod's token":     token(pod("n1"), tokenFor("web-uid"), ""),
		"a token of no pod":   token(pod("n1"), tokenFor(""), refused+"node requested token not bound to a pod"),
		"another's token":     token(pod("n2"), tokenFor("web-uid"), refused+"node requested token bound to a pod scheduled on a different node"),
		"an audience":         token(pod("n1"), tokenFor("web-uid", "vault"), refused+`audience "vault" not found in pod spec volume`),
		"audiences":           token(pod("n1"), tokenFor("web-uid", "vault", "bank"), refused+"node may only request 0 or 1 audiences"),
		"a token of the dead": token(nil, tokenFor("web-uid"), `pods "web" not found`),
		"a token of the past": token(pod("n1"), tokenFor("other"), `Operation cannot be fulfilled on pods "web": the UID in the bound object reference (other) does not match the UID in record. The object might have been deleted and then recreated`),
	}
}
