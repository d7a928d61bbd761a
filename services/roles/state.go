package roles

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

// state is the ClusterRoles.
type state struct {
	roles *fold.Store[rbacv1.ClusterRole, *rbacv1.ClusterRole]
}

func newState() *state {
	return &state{roles: fold.NewStore[rbacv1.ClusterRole](subject.ClusterRoles)}
}

// Apply folds an event of a role; it wakes the role, if it is made of others, and those that select it now or did before.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	if key.Resource != subject.ClusterRoles {
		return nil
	}
	before, after, err := s.roles.Apply(e)
	if err != nil {
		return nil
	}
	var woken []subject.Object
	for _, role := range s.roles.In("") {
		if role.AggregationRule != nil && (role.Name == key.Name || selects(role, before) || selects(role, after)) {
			woken = append(woken, subject.Object{Resource: subject.ClusterRoles, Name: role.Name})
		}
	}
	return woken
}

// selects says whether a role is made of another, which may be nil. A selector that makes no sense selects none.
func selects(role, other *rbacv1.ClusterRole) bool {
	if other == nil || other.Name == role.Name {
		return false
	}
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err == nil && selector.Matches(labels.Set(other.Labels)) {
			return true
		}
	}
	return false
}
