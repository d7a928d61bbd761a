package admission

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// batch is a Tx that keeps what is updated.
type batch struct {
	*cluster
	updated []kind.Object
}

var _ kind.Tx = (*batch)(nil)

func (b *batch) Create(subject.Resource, kind.Object)       {}
func (b *batch) Update(_ subject.Resource, obj kind.Object) { b.updated = append(b.updated, obj) }
func (b *batch) Delete(subject.Resource, string, string)    {}

func quota(hard corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: meta("shop", "q"), Spec: corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes}}
}

func podNamed(name string, containers ...corev1.Container) *corev1.Pod {
	pod := podWith(corev1.PodSpec{Containers: containers})
	pod.Name = name
	return pod
}

func TestResourceQuota(t *testing.T) {
	t.Parallel()
	ended := podNamed("ended", using("a", amounts("cpu", "9"), nil))
	ended.Status.Phase = corev1.PodSucceeded
	overdue := podNamed("overdue", using("a", amounts("cpu", "9"), nil))
	at, grace := metav1.NewTime(time.Unix(0, 0)), int64(30)
	overdue.DeletionTimestamp, overdue.DeletionGracePeriodSeconds = &at, &grace
	elsewhere := podNamed("elsewhere", using("a", amounts("cpu", "9"), nil))
	elsewhere.Namespace = "bank"
	have := []kind.Object{podNamed("one", using("a", amounts("cpu", "1"), amounts("memory", "1Gi"))), ended, overdue, elsewhere,
		&corev1.ConfigMap{ObjectMeta: meta("shop", "c")}, claim("2Gi", nil)}
	deadline, fast := int64(60), "fast"
	ends := podNamed("web")
	ends.Spec.ActiveDeadlineSeconds = &deadline
	first := podNamed("web")
	first.Spec.PriorityClassName = "high"
	port := func(typ corev1.ServiceType, ports int) *corev1.Service {
		return &corev1.Service{ObjectMeta: meta("shop", "s"), Spec: corev1.ServiceSpec{Type: typ, Ports: make([]corev1.ServicePort, ports)}}
	}
	high := quota(amounts("pods", "0"))
	high.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
		{ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: corev1.ScopeSelectorOpIn, Values: []string{"high"}},
	}}
	const pods, exceeded = `pods "web" is forbidden: `, "exceeded quota: q, requested: "
	for name, c := range map[string]struct {
		quota    *corev1.ResourceQuota
		resource string
		obj, old kind.Object
		want     string
		used     corev1.ResourceList
	}{
		"it fits":            {quota(amounts("pods", "2", "requests.cpu", "2")), "pods", podNamed("web", using("a", amounts("cpu", "1"), nil)), nil, "", amounts("pods", "2", "requests.cpu", "2")},
		"too many":           {quota(amounts("pods", "1")), "pods", podNamed("web"), nil, pods + exceeded + "pods=1, used: pods=1, limited: pods=1", nil},
		"by count":           {quota(amounts("count/pods", "3")), "pods", podNamed("web"), nil, pods + exceeded + "count/pods=1, used: count/pods=3, limited: count/pods=3", nil},
		"too much":           {quota(amounts("cpu", "2", "limits.memory", "1Gi")), "pods", podNamed("web", using("a", amounts("cpu", "1500m"), amounts("memory", "1Gi"))), nil, pods + exceeded + "cpu=1500m,limits.memory=1Gi, used: cpu=1,limits.memory=1Gi, limited: cpu=2,limits.memory=1Gi", nil},
		"says nothing":       {quota(amounts("cpu", "9", "limits.memory", "9Gi")), "pods", podNamed("web", using("b", nil, nil), using("a", amounts("cpu", "1"), nil)), nil, pods + "failed quota: q: must specify cpu for: b; limits.memory for: a,b", nil},
		"another's":          {quota(amounts("secrets", "0")), "pods", podNamed("web"), nil, "", nil},
		"out of scope":       {quota(amounts("pods", "0"), corev1.ResourceQuotaScopeTerminating), "pods", podNamed("web"), nil, "", nil},
		"in scope":           {quota(amounts("pods", "0"), corev1.ResourceQuotaScopeTerminating), "pods", ends, nil, pods + exceeded + "pods=1, used: pods=0, limited: pods=0", nil},
		"best effort":        {quota(amounts("pods", "0"), corev1.ResourceQuotaScopeBestEffort), "pods", podNamed("web", using("a", amounts("cpu", "1"), nil)), nil, "", nil},
		"high priority":      {high, "pods", first, nil, pods + exceeded + "pods=1, used: pods=0, limited: pods=0", nil},
		"low priority":       {high, "pods", podNamed("web"), nil, "", nil},
		"config maps":        {quota(amounts("configmaps", "1")), "configmaps", &corev1.ConfigMap{ObjectMeta: meta("shop", "web")}, nil, `configmaps "web" is forbidden: ` + exceeded + "configmaps=1, used: configmaps=1, limited: configmaps=1", nil},
		"deployments":        {quota(amounts("count/deployments.apps", "0")), "deployments", &corev1.ConfigMap{ObjectMeta: meta("shop", "web")}, nil, `deployments.apps "web" is forbidden: ` + exceeded + "count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0", nil},
		"node ports":         {quota(amounts("services.nodeports", "1")), "services", port(corev1.ServiceTypeNodePort, 2), nil, `services "web" is forbidden: ` + exceeded + "services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1", nil},
		"becomes a balancer": {quota(amounts("services", "1", "services.loadbalancers", "1")), "services", port(corev1.ServiceTypeLoadBalancer, 1), port(corev1.ServiceTypeClusterIP, 1), "", amounts("services", "0", "services.loadbalancers", "1")},
		"stays":              {quota(amounts("services", "0")), "services", port(corev1.ServiceTypeClusterIP, 1), port(corev1.ServiceTypeClusterIP, 1), "", nil},
		"storage":            {quota(amounts("requests.storage", "3Gi")), "persistentvolumeclaims", claim("2Gi", nil), nil, `persistentvolumeclaims "web" is forbidden: ` + exceeded + "requests.storage=2Gi, used: requests.storage=2Gi, limited: requests.storage=3Gi", nil},
		"storage grows":      {quota(amounts("requests.storage", "3Gi")), "persistentvolumeclaims", claim("3Gi", nil), claim("2Gi", nil), "", amounts("requests.storage", "3Gi")},
		"storage of a class": {quota(amounts("fast.storageclass.storage.k8s.io/requests.storage", "1Gi")), "persistentvolumeclaims", claim("2Gi", &fast), nil, `persistentvolumeclaims "web" is forbidden: ` + exceeded + "fast.storageclass.storage.k8s.io/requests.storage=2Gi, used: fast.storageclass.storage.k8s.io/requests.storage=0, limited: fast.storageclass.storage.k8s.io/requests.storage=1Gi", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx := &batch{cluster: &cluster{have: append([]kind.Object{c.quota}, have...)}}
			verb := "create"
			if c.old != nil {
				verb = "update"
			}
			q := ask(tx, verb, c.resource, "shop", "web")
			q.Now = time.Unix(1000, 0)
			wantText(t, ResourceQuota{}.Charge(context.Background(), q, tx, c.obj, c.old), c.want)
			if (len(tx.updated) > 0) != (c.used != nil) {
				t.Fatalf("updated %v", tx.updated)
			}
			for name, n := range c.used {
				status := tx.updated[0].(*corev1.ResourceQuota).Status
				if got := status.Used[name]; got.Cmp(n) != 0 || len(status.Hard) != len(c.quota.Spec.Hard) {
					t.Errorf("%s: used %s of %v, want %s", name, got.String(), status.Hard, n.String())
				}
			}
		})
	}
}

func TestOnlyNamespacesWithQuotasHaveALane(t *testing.T) {
	t.Parallel()
	with := &cluster{have: []kind.Object{quota(amounts("pods", "1"))}}
	for _, c := range []struct {
		reader         *cluster
		verb, resource string
		want           string
	}{
		{with, "create", "pods", "quota/shop"}, {&cluster{}, "create", "pods", ""}, {with, "update", "pods/status", ""},
		{with, "patch", "pods", "quota/shop"}, {with, "patch", "pods/resize", ""},
	} {
		if got := (ResourceQuota{}).Lane(ask(c.reader, c.verb, c.resource, "shop", "web")); got != c.want {
			t.Errorf("%s %s: lane %q, want %q", c.verb, c.resource, got, c.want)
		}
	}
}
