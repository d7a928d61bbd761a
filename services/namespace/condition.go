package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/record"
)

// conditions are those of a namespace with content, kept where they say the same already.
func conditions(have []corev1.NamespaceCondition, content map[subject.Object]item, t process.Turn) []corev1.NamespaceCondition {
	want := []corev1.NamespaceCondition{
		fine(corev1.NamespaceDeletionDiscoveryFailure, "ResourcesDiscovered", "All resources successfully discovered"),
		fine(corev1.NamespaceDeletionGVParsingFailure, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
		fine(corev1.NamespaceDeletionContentFailure, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
		remaining(content),
		finalizers(content),
	}
	if t.Err != nil && !errs.Is(t.Err, errs.Conflict) && !errs.Is(t.Err, errs.NotFound) {
		want[2] = problem(corev1.NamespaceDeletionContentFailure, "ContentDeletionFailed",
			fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(resources(content)), record.Cause(t.Err)))
	}
	out := slices.Clone(have)
	for _, c := range want {
		c.LastTransitionTime = metav1.NewTime(t.Now)
		at := slices.IndexFunc(out, func(o corev1.NamespaceCondition) bool { return o.Type == c.Type })
		switch {
		case at < 0:
			out = append(out, c)
		case out[at].Status != c.Status || out[at].Reason != c.Reason || out[at].Message != c.Message:
			if out[at].Status == c.Status {
				c.LastTransitionTime = out[at].LastTransitionTime
			}
			out[at] = c
		}
	}
	return out
}

func fine(kind corev1.NamespaceConditionType, reason, message string) corev1.NamespaceCondition {
	return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message}
}

func problem(kind corev1.NamespaceConditionType, reason, message string) corev1.NamespaceCondition {
	return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message}
}

func resources(content map[subject.Object]item) map[subject.Resource]int {
	counts := map[subject.Resource]int{}
	for o := range content {
		counts[o.Resource]++
	}
	return counts
}

func remaining(content map[subject.Object]item) corev1.NamespaceCondition {
	var parts []string
	for r, n := range resources(content) {
		parts = append(parts, fmt.Sprintf("%s.%s has %d resource instances", r.Name, r.Group, n))
	}
	slices.Sort(parts)
	return problem(corev1.NamespaceContentRemaining, "SomeResourcesRemain", "Some resources are remaining: "+strings.Join(parts, ", "))
}

func finalizers(content map[subject.Object]item) corev1.NamespaceCondition {
	counts := map[string]int{}
	for _, i := range content {
		for _, f := range i.finalizers {
			counts[f]++
		}
	}
	if len(counts) == 0 {
		return fine(corev1.NamespaceFinalizersRemaining, "ContentHasNoFinalizers", "All content-preserving finalizers finished")
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s in %d resource instances", f, counts[f]))
	}
	return problem(corev1.NamespaceFinalizersRemaining, "SomeFinalizersRemain",
		"Some content in the namespace has finalizers remaining: "+strings.Join(parts, ", "))
}
