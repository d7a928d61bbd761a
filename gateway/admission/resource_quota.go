package admission

import (
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// ResourceQuota keeps a namespace within its quotas. What is used is counted in the view, and written into the quota's
// status in the same batch as the write that uses more: of two writes at once the second loses the race for the quota,
// counts again and sees the first.
type ResourceQuota struct{}

var _ Charger = ResourceQuota{}

// Name is the plugin's.
func (ResourceQuota) Name() string { return "ResourceQuota" }

// Admit does nothing: what counts is what is appended.
func (ResourceQuota) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error {
	return nil
}

// Lane has the creates of a namespace with quotas decided one after the other.
func (ResourceQuota) Lane(q *kind.Request) string {
	if q.Namespace == "" || q.Subresource != "" || len(q.Reader.List(resourceQuotas, q.Namespace)) == 0 {
		return ""
	}
	return "quota/" + q.Namespace
}

// Charge refuses what no quota has left, and charges those concerned.
func (ResourceQuota) Charge(ctx context.Context, q *kind.Request, tx kind.Tx, obj, old kind.Object) error {
	if q.Namespace == "" || q.Subresource != "" && q.Subresource != "resize" {
		return nil
	}
	quotas := tx.List(resourceQuotas, q.Namespace)
	if len(quotas) == 0 {
		return nil
	}
	of := q.Kind.SubjectResource()
	spent := increase(of, obj, old, q)
	if len(spent) == 0 && old != nil {
		return nil
	}
	// Everything that was charged to a quota of the version just read is to be counted.
	if c, ok := tx.(Current); ok {
		if err := c.CatchUp(ctx, of); err != nil {
			return unavailable(err)
		}
	}
	for _, o := range quotas {
		quota, ok := o.(*corev1.ResourceQuota)
		if !ok || !covers(quota, of, obj) {
			continue
		}
		if err := charge(q, tx, quota, obj, old, spent); err != nil {
			return err
		}
	}
	return nil
}

// increase is what a write uses more than before, nothing negative and nothing zero.
func increase(of subject.Resource, obj, old kind.Object, q *kind.Request) corev1.ResourceList {
	more := useOf(of, obj, q.Now)
	if old != nil {
		for name, n := range useOf(of, old, q.Now) {
			if left, ok := more[name]; ok {
				left = left.DeepCopy() // it may be the object's own
				left.Sub(n)
				more[name] = left
			}
		}
	}
	maps.DeleteFunc(more, func(_ corev1.ResourceName, n resource.Quantity) bool { return n.Sign() <= 0 })
	return more
}

// charge adds the charge of one quota to tx, if the quota has it left.
func charge(q *kind.Request, tx kind.Tx, quota *corev1.ResourceQuota, obj, old kind.Object, spent corev1.ResourceList) error {
	hard := quota.Spec.Hard
	if pod, ok := obj.(*corev1.Pod); ok && old == nil {
		if text := unspecified(pod, hard); text != "" {
			return refuse(q, "failed quota: %s: must specify %s", quota.Name, text)
		}
	}
	wanted := only(spent, hard)
	if len(wanted) == 0 {
		return nil
	}
	used := count(tx, quota, q.Now)
	var beyond []corev1.ResourceName
	for name, n := range wanted {
		total := used[name].DeepCopy()
		total.Add(n)
		if total.Cmp(hard[name]) > 0 {
			beyond = append(beyond, name)
		}
	}
	if len(beyond) > 0 {
		return refuse(q, "exceeded quota: %s, requested: %s, used: %s, limited: %s",
			quota.Name, listed(wanted, beyond), listed(used, beyond), listed(hard, beyond))
	}
	charged := quota.DeepCopy()
	charged.Status.Hard, charged.Status.Used = maps.Clone(hard), used
	for name, n := range wanted {
		total := used[name]
		total.Add(n)
		used[name] = total
	}
	tx.Update(resourceQuotas, charged)
	return nil
}

// only is what of a list the quota bounds.
func only(list, hard corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, n := range list {
		if _, ok := hard[name]; ok {
			out[name] = n
		}
	}
	return out
}

// listed is "cpu=1,memory=1Gi", of some of a list.
func listed(list corev1.ResourceList, names []corev1.ResourceName) string {
	names = slices.Sorted(slices.Values(names))
	parts := make([]string, len(names))
	for i, name := range names {
		n := list[name]
		parts[i] = string(name) + "=" + n.String()
	}
	return strings.Join(parts, ",")
}
