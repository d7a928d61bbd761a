package access

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	rbacv1 "k8s.io/api/rbac/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Authorizer decides by role-based access control, with three exceptions: everybody may ask for health, members of
// system:masters may do everything, and nodes what their pods need (see node.go). It holds roles and bindings compiled, and is told of every change.
//
// It is safe for concurrent use. A decision made after Changed returned sees the change.
type Authorizer struct {
	objects kind.Reader
	onNode  PodsOnNode

	// mu orders changes; decisions take no lock.
	mu       sync.Mutex
	bindings map[subject.Object]bindingState

	// cluster has the ClusterRoleBindings and compiled ClusterRoles, namespaces the rest
	// by name: both of immutable scopes.
	cluster    atomic.Pointer[scope]
	namespaces sync.Map
	decisions  atomic.Pointer[cache[question, decision]]
	seed       maphash.Seed
	nodeRules  []rule
}

// bindingState is what is compiled of a binding, to be taken back when it changes.
type bindingState struct{ subjects []rbacv1.Subject }

// PodsOnNode are the pods bound to a node.
type PodsOnNode func(node string) []kind.Object

// question is what decisions are remembered by; the groups are hashed, and there is no name: where the
// name matters nothing is remembered.
type question struct {
	user, verb, namespace, group, resource, subresource, path string
	groups                                                    uint64
}

type decision struct {
	answer answer
	reason string
}

// NewAuthorizer makes an Authorizer that reads from objects, at first what is there
// now. With a nil onNode a node's pods are found by looking at all of a namespace's.
func NewAuthorizer(objects kind.Reader, onNode PodsOnNode) *Authorizer {
	a := &Authorizer{
		objects: objects, onNode: onNode, bindings: map[subject.Object]bindingState{},
		seed: maphash.MakeSeed(), nodeRules: newRules(nodeRules()),
	}
	a.cluster.Store(emptyScope)
	a.decisions.Store(&cache[question, decision]{})
	a.load()
	return a
}

// Authorize decides: an access.Authorize.
func (a *Authorizer) Authorize(_ context.Context, attributes Attributes) (bool, string, error) {
	if attributes.Resource == "" && anonymousPath(attributes.Path) {
		return true, "", nil
	}
	for _, group := range attributes.User.Groups {
		if group == groupMasters {
			return true, "", nil
		}
	}
	if node, ok := nodeName(attributes.User.Name, attributes.User.Groups); ok {
		if allowed, reason, decided := a.node(node, &attributes); decided {
			return allowed, reason, nil
		}
	}
	allowed, reason := a.rbac(&attributes)
	return allowed, reason, nil
}

func (a *Authorizer) rbac(attributes *Attributes) (bool, string) {
	decisions := a.decisions.Load()
	q := a.question(attributes)
	if d, ok := decisions.get(q); ok {
		return d.answer == yes, d.reason
	}
	d := a.decide(attributes)
	if d.answer == yes || d.answer == no {
		decisions.put(q, d)
	}
	return d.answer >= yesByName, d.reason
}

func (a *Authorizer) question(attributes *Attributes) question {
	q := question{
		user: attributes.User.Name, verb: attributes.Verb, namespace: attributes.Namespace, group: attributes.APIGroup,
		resource: attributes.Resource, subresource: attributes.Subresource, path: attributes.Path,
	}
	if attributes.Resource != "" {
		q.path = ""
	}
	for i, group := range attributes.User.Groups {
		q.groups = q.groups*31 + maphash.String(a.seed, group) + uint64(i)
	}
	return q
}

// decide asks every rule that the user holds, the cluster's first.
func (a *Authorizer) decide(attributes *Attributes) decision {
	best := decision{}
	a.grants(&attributes.User, attributes.Namespace, func(g *grant, rules []rule) bool {
		for i := range rules {
			if answer := rules[i].answer(attributes); answer > best.answer {
				best.answer = answer
				if answer >= yesByName {
					best.reason = g.reason
				}
			}
			if best.answer == yes {
				return false
			}
		}
		return true
	})
	return best
}

// grants calls each with all that a user holds cluster-wide and in a namespace, until it returns false.
func (a *Authorizer) grants(user *kind.User, namespace string, each func(g *grant, rules []rule) bool) {
	cluster := a.cluster.Load()
	if !cluster.each(user, cluster, each) || namespace == "" {
		return
	}
	if local, ok := a.namespaces.Load(namespace); ok {
		local.(*scope).each(user, cluster, each)
	}
}

func (s *scope) each(user *kind.User, cluster *scope, each func(g *grant, rules []rule) bool) bool {
	if !s.eachOf(subjectKey{name: user.Name}, cluster, each) {
		return false
	}
	for _, group := range user.Groups {
		if !s.eachOf(subjectKey{group: true, name: group}, cluster, each) {
			return false
		}
	}
	return true
}

func (s *scope) eachOf(key subjectKey, cluster *scope, each func(g *grant, rules []rule) bool) bool {
	list := s.grants[key]
	for i := range list {
		from := s
		if list[i].role.Kind == "ClusterRole" {
			from = cluster
		}
		if rules := from.roles[list[i].role.Name]; len(rules) > 0 && !each(&list[i], rules) {
			return false
		}
	}
	return true
}
