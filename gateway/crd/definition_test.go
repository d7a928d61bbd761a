package crd_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	clientrest "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// until waits for a state of a definition; nil is that it is gone.
func (d *door) until(t *testing.T, name string, want func(*apiextensionsv1.CustomResourceDefinition) bool) {
	t.Helper()
	crds := d.crds.ApiextensionsV1().CustomResourceDefinitions()
	one := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	list, err := crds.List(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		if !want(nil) {
			t.Fatalf("%s is gone", name)
		}
		return
	}
	if want(&list.Items[0]) {
		return
	}
	source := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.FieldSelector = one.FieldSelector
		return crds.Watch(ctx, o)
	}}
	_, err = watchtools.Until(t.Context(), list.ResourceVersion, source, func(e watch.Event) (bool, error) {
		if e.Type == watch.Deleted {
			return want(nil), nil
		}
		crd, ok := e.Object.(*apiextensionsv1.CustomResourceDefinition)
		return ok && want(crd), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	objects := d.dynamic.Resource(gvr("example.com", "v1", "backups")).Namespace("default")
	for _, name := range []string{"a", "b"} {
		b := backup(t, name, "{target: db}")
		if name == "b" {
			b.SetFinalizers([]string{"example.com/wait"})
		}
		if _, err := objects.Create(t.Context(), b, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.crds.ApiextensionsV1().CustomResourceDefinitions().Delete(t.Context(), "backups.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "backups.example.com", func(c *apiextensionsv1.CustomResourceDefinition) bool {
		if c == nil || c.Finalizers[0] != apiextensionsv1.CustomResourceCleanupFinalizer {
			t.Fatalf("gone before its objects: %v", c)
		}
		condition := apihelpers.FindCRDCondition(c, apiextensionsv1.Terminating)
		return condition.Status == "True" && condition.Reason == "InstanceDeletionInProgress"
	})
	_, err := objects.Create(t.Context(), backup(t, "c", "{target: db}"), metav1.CreateOptions{})
	if !apierrors.IsMethodNotSupported(err) || !strings.Contains(err.Error(), "create not allowed while custom resource definition is terminating") {
		t.Errorf("created meanwhile: %v", err)
	}
	if _, err := objects.Patch(t.Context(), "b", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "backups.example.com", func(c *apiextensionsv1.CustomResourceDefinition) bool { return c == nil })
	if _, err := objects.List(t.Context(), metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("listed after its definition: %v", err)
	}
	d.define(t, backups)
	if list, err := objects.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("defined again: %v, %v", list, err)
	}
}

func accepted(c *apiextensionsv1.CustomResourceDefinition) bool {
	return c != nil && apihelpers.IsCRDConditionTrue(c, apiextensionsv1.NamesAccepted) && apihelpers.IsCRDConditionTrue(c, apiextensionsv1.Established)
}

func TestNames(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	crds := d.crds.ApiextensionsV1().CustomResourceDefinitions()
	d.define(t, backups)
	other := definition(t, strings.NewReplacer("plural: backups", "plural: others", "name: backups", "name: others", "shortNames: [bk], ", "").Replace(backups))
	made, err := crds.Create(t.Context(), other, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := apihelpers.FindCRDCondition(made, apiextensionsv1.NamesAccepted)
	if accepted(made) || c.Reason != "ListKindConflict" || c.Message != `"BackupList" is already in use` || made.Status.AcceptedNames.Plural != "others" {
		t.Fatalf("accepted %+v", made.Status)
	}
	if _, err := d.dynamic.Resource(gvr("example.com", "v1", "others")).List(t.Context(), metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("served without names: %v", err)
	}
	if err := crds.Delete(t.Context(), "backups.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	d.until(t, "others.example.com", accepted)
	if _, err := d.dynamic.Resource(gvr("example.com", "v1", "others")).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

// TestRefused is of definitions that are none.
func TestRefused(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	for change, want := range map[[2]string]string{
		{"name: backups.", "name: backup."}:                                         `metadata.name: Invalid value: "backup.example.com": must be spec.names.plural+"."+spec.group`,
		{"target: {type: string", "target: {type: text"}:                            `spec.validation.openAPIV3Schema.properties[spec].properties[target].type: Unsupported value: "text"`,
		{"self == oldSelf", "self == oldself"}:                                      "undeclared reference to 'oldself'",
		{"default: 1", "default: x"}:                                                "spec.validation.openAPIV3Schema.properties[spec].properties[copies].default: Invalid value",
		{"x-kubernetes-list-map-keys: [name]", "x-kubernetes-list-map-keys: [nom]"}: "entries must all be names of item properties",
		{"storage: true", "storage: false"}:                                         "must have exactly one version marked as storage version",
		{"group: example.com", "group: example.k8s.io"}:                             "metadata.annotations[api-approved.kubernetes.io]: Required value",
	} {
		text := strings.Replace(backups, change[0], change[1], 1)
		if strings.HasPrefix(change[0], "group") {
			text = strings.Replace(text, "name: backups.example.com", "name: backups.example.k8s.io", 1)
		}
		_, err := d.crds.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), definition(t, text), metav1.CreateOptions{})
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", change, err, want)
		}
	}
}

// TestKept restarts the gateway, and asks another replica, which shares nothing but the journal.
func TestKept(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	objects := gvr("example.com", "v1", "backups")
	made, err := d.dynamic.Resource(objects).Namespace("default").Create(t.Context(), backup(t, "a", "{target: db}"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := d.replica(t)
	if got, err := r.dynamic.Resource(objects).Namespace("default").Get(t.Context(), "a", metav1.GetOptions{}); err != nil || got.GetResourceVersion() != made.GetResourceVersion() {
		t.Errorf("another replica: %v, %v", got, err)
	}
	// What one defines the other serves at once.
	d.define(t, strings.NewReplacer("backups", "restores", "Backup", "Restore", "[bk]", "[rs]").Replace(backups))
	if _, err := r.dynamic.Resource(gvr("example.com", "v1", "restores")).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("another replica: %v", err)
	}
	r.stop()
	d.stop()
	d = open(t, d.dir)
	got, err := d.dynamic.Resource(objects).Namespace("default").Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || got.GetResourceVersion() != made.GetResourceVersion() || got.GetUID() != made.GetUID() {
		t.Errorf("after a restart: %v, %v", got, err)
	}
	if _, err := d.dynamic.Resource(objects).Namespace("default").Create(t.Context(), backup(t, "b", "{}"), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("after a restart: %v", err)
	}
}

// TestRoles asks as a user whose role names everything, and as one whose role names the group.
func TestRoles(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "reads"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"example.com"}, Resources: []string{"*"}, Verbs: []string{"list"}}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reads"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reads"},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "ann"}},
	}
	if _, err := d.kube.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.kube.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	d.settle(t)
	as := clientrest.CopyConfig(d.config)
	as.Impersonate.UserName = "ann"
	ann := dynamic.NewForConfigOrDie(as).Resource(gvr("example.com", "v1", "backups")).Namespace(corev1.NamespaceDefault)
	if _, err := ann.List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := ann.Create(t.Context(), backup(t, "a", "{target: db}"), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("created: %v", err)
	}
}

func gone(c *apiextensionsv1.CustomResourceDefinition) bool { return c == nil }
