package access

import (
	_ "embed"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

//go:embed bootstrap.yaml
var bootstrapYAML []byte

// bootstrapPolicy is the layout of bootstrap.yaml.
type bootstrapPolicy struct {
	ClusterRoles []struct {
		Name      string              `json:"name"`
		Aggregate string              `json:"aggregateTo,omitempty"`
		From      []string            `json:"aggregateFrom,omitempty"`
		Rules     []rbacv1.PolicyRule `json:"rules"`
	} `json:"clusterRoles"`
	ClusterRoleBindings []struct {
		Role   string   `json:"role"`
		Groups []string `json:"groups,omitempty"`
		Users  []string `json:"users,omitempty"`
	} `json:"clusterRoleBindings"`
}

const (
	labelBootstrapping = "kubernetes.io/bootstrapping"
	labelAggregate     = "rbac.authorization.k8s.io/aggregate-to-"
	annotationUpdate   = "rbac.authorization.kubernetes.io/autoupdate"
)

// BootstrapObjects are the ClusterRoles and ClusterRoleBindings that every cluster has, by kind and in
// the order of the policy's file. Each call makes new ones.
func BootstrapObjects() []kind.Object {
	var policy bootstrapPolicy
	if err := yaml.UnmarshalStrict(bootstrapYAML, &policy); err != nil {
		panic(fmt.Sprintf("bootstrap.yaml: %v", err))
	}
	var objects []kind.Object
	rules := map[string][]rbacv1.PolicyRule{}
	for _, from := range policy.ClusterRoles {
		role := &rbacv1.ClusterRole{ObjectMeta: bootstrapMeta(from.Name), Rules: from.Rules}
		if from.Aggregate != "" {
			role.Labels[labelAggregate+from.Aggregate] = "true"
		}
		for _, source := range from.From {
			role.Rules = append(role.Rules, rules[source]...)
		}
		if len(from.From) > 0 {
			selector := metav1.LabelSelector{MatchLabels: map[string]string{labelAggregate + from.Name: "true"}}
			role.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{selector}}
		}
		rules[from.Name] = role.Rules
		objects = append(objects, role)
	}
	for _, from := range policy.ClusterRoleBindings {
		var subjects []rbacv1.Subject
		for _, name := range from.Groups {
			subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name})
		}
		for _, name := range from.Users {
			subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name})
		}
		objects = append(objects, bindingTo(from.Role, subjects))
	}
	return objects
}

// ServiceRole is the ClusterRole "system:taffrail:NAME" with rules, and its binding to the user of the same
// name: what a service of Taffrail's may do beside what all of them may.
func ServiceRole(name string, rules []rbacv1.PolicyRule) (*rbacv1.ClusterRole, *rbacv1.ClusterRoleBinding) {
	user := ServiceUser(name)
	role := &rbacv1.ClusterRole{ObjectMeta: bootstrapMeta(user.Name), Rules: rules}
	return role, bindingTo(role.Name, []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user.Name}})
}

// ServiceUser is the user that a service of Taffrail's acts as.
func ServiceUser(name string) kind.User {
	return kind.User{Name: "system:taffrail:" + name, Groups: []string{groupServices, groupAuthenticated}}
}

// NodeUser is the user that a node acts as.
func NodeUser(name string) kind.User {
	return kind.User{Name: prefixNode + name, Groups: []string{groupNodes, groupAuthenticated}}
}

func bindingTo(role string, subjects []rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: bootstrapMeta(role), Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

func bootstrapMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:        name,
		Labels:      map[string]string{labelBootstrapping: "rbac-defaults"},
		Annotations: map[string]string{annotationUpdate: "true"},
	}
}
