package cluster

import (
	"fmt"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// aggregated has a role become a part of view, and be one no longer.
func aggregated(t *testing.T, client *kubernetes.Clientset) {
	t.Helper()
	roles := client.RbacV1().ClusterRoles()
	rule := rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{"example.com"}, Resources: []string{"sails"}}
	part := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "sails", Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
		Rules:      []rbacv1.PolicyRule{rule},
	}
	if _, err := roles.Create(t.Context(), part, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	shows := func(want bool) {
		t.Helper()
		for _, name := range []string{"view", "admin"} {
			await(t, "rules of "+name, func() error {
				role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				if has := slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return r.String() == rule.String() }); has != want {
					return fmt.Errorf("has the part's rule: %t", has)
				}
				return nil
			})
		}
	}
	shows(true)
	if err := roles.Delete(t.Context(), part.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	shows(false)
}
