package access

import (
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// memory is a kind.Tx over a map, for tests.
type memory struct {
	mu      sync.RWMutex
	objects map[subject.Object]kind.Object
}

func newMemory(list ...kind.Object) *memory {
	m := &memory{objects: map[subject.Object]kind.Object{}}
	for _, o := range list {
		m.put(o)
	}
	return m
}

func (m *memory) put(o kind.Object) subject.Object {
	key := keyOfObject(o)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = o
	return key
}

func (m *memory) remove(key subject.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
}

func keyOfObject(o kind.Object) subject.Object {
	key := subject.Object{Namespace: o.GetNamespace(), Name: o.GetName()}
	switch o.(type) {
	case *rbacv1.ClusterRole:
		key.Resource = subject.ClusterRoles
	case *rbacv1.ClusterRoleBinding:
		key.Resource = subject.ClusterRoleBindings
	case *rbacv1.Role:
		key.Resource = subject.Roles
	case *rbacv1.RoleBinding:
		key.Resource = subject.RoleBindings
	default:
		key.Resource = coreResource(o)
	}
	return key
}

func (m *memory) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[subject.Object{Resource: r, Namespace: namespace, Name: name}]
	return o, ok
}

func (m *memory) List(r subject.Resource, namespace string) (list []kind.Object) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for key, o := range m.objects {
		if key.Resource == r && (namespace == "" || key.Namespace == namespace) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b kind.Object) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return list
}

func (m *memory) Create(subject.Resource, kind.Object)    {}
func (m *memory) Update(subject.Resource, kind.Object)    {}
func (m *memory) Delete(subject.Resource, string, string) {}

var _ kind.Tx = (*memory)(nil)

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func localRole(namespace, name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules}
}

func clusterBinding(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

func localBinding(namespace, name, refKind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: refKind, Name: role},
	}
}

func userSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: name}
}

func groupSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: name}
}

func accountSubject(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func commas(text string) []string {
	if text == "" {
		return nil
	}
	if text == `""` {
		return []string{""}
	}
	return strings.Split(text, ",")
}

// allow is a rule of comma-separated verbs, groups ("" in quotes for core), resources and names.
func allow(verbs, groups, resources, names string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: commas(verbs), APIGroups: commas(groups), Resources: commas(resources), ResourceNames: commas(names)}
}
