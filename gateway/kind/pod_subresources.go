package kind

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
)

func podSubresources(h Hooks) []Subresource {
	subs := []Subresource{
		status(preparePodStatus, validatePodStatus),
		{
			Name: "binding", Verbs: []string{"create"}, GroupVersionKind: core("Binding"),
			New: func() Object { return new(corev1.Binding) }, Create: bindPod,
		},
		{
			Name: "eviction", Verbs: []string{"create"}, GroupVersionKind: gvk("policy", "v1", "Eviction"),
			New: func() Object { return new(policyv1.Eviction) }, Create: evictPod,
		},
		{
			Name: "ephemeralcontainers", Verbs: []string{"get", "patch", "update"},
			Prepare: prepares(prepareEphemeral), Validate: validates(validateEphemeralUpdate),
		},
		{
			Name: "resize", Verbs: []string{"get", "patch", "update"},
			Prepare: prepares(prepareResize), Validate: validates(validateResize),
		},
	}
	for _, c := range []struct {
		name    string
		verbs   []string
		serve   ConnectFunc
		options func(*http.Request) runtime.Object
	}{
		{"log", []string{"get"}, h.PodLog, nil},
		{"exec", []string{"create", "get"}, h.PodExec, execOptions},
		{"attach", []string{"create", "get"}, h.PodAttach, attachOptions},
		{"portforward", []string{"create", "get"}, h.PodPortForward, portForwardOptions},
		{"proxy", allHTTPVerbs(), h.PodProxy, podProxyOptions},
	} {
		if c.serve != nil {
			subs = append(subs, Subresource{Name: c.name, Verbs: c.verbs, Connect: c.serve, Options: c.options})
		}
	}
	return subs
}

// bindPod gives an unassigned pod its node, and says so in its condition at once.
func bindPod(_ context.Context, r *Request, tx Tx, obj, body Object) (Object, error) {
	p, b := obj.(*corev1.Pod), body.(*corev1.Binding)
	if errs := validateBinding(b); len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "Binding"}, b.Name, errs)
	}
	if err := bindable(p, b); err != nil {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, p.Name, err)
	}
	p.Spec.NodeName = b.Target.Name
	p.Annotations = merged(p.Annotations, b.Annotations)
	p.Labels = merged(p.Labels, b.Labels)
	if n, ok := tx.Get(subject.Nodes, "", b.Target.Name); ok {
		p.Labels = merged(p.Labels, topologyLabels(n.GetLabels()))
	}
	setPodCondition(p, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, r.Now)
	return nil, nil
}

func validateBinding(b *corev1.Binding) (errs field.ErrorList) {
	if k := b.Target.Kind; k != "" && k != "Node" {
		errs = append(errs, field.NotSupported(field.NewPath("target", "kind"), k, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(field.NewPath("target", "name"), ""))
	}
	return errs
}

func bindable(p *corev1.Pod, b *corev1.Binding) error {
	switch {
	case b.UID != "" && b.UID != p.UID:
		return fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", b.UID, p.UID)
	case p.DeletionTimestamp != nil:
		return fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", p.Name)
	case p.Spec.NodeName != "":
		return fmt.Errorf("pod %v is already assigned to node %q", p.Name, p.Spec.NodeName)
	case len(p.Spec.SchedulingGates) > 0:
		return fmt.Errorf("pod %v has non-empty .spec.schedulingGates", p.Name)
	}
	return nil
}

// topologyLabels are the labels of a node that its pods carry as well.
func topologyLabels(node map[string]string) map[string]string {
	found := map[string]string{}
	for _, k := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		if v, ok := node[k]; ok {
			found[k] = v
		}
	}
	return found
}

func merged(m, more map[string]string) map[string]string {
	if m == nil && len(more) > 0 {
		m = make(map[string]string, len(more))
	}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func equalsLabel(key, value string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{value}}
}
