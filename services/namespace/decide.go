package namespace

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// burst is the most objects deleted in one turn.
const burst = 500

// decide is one turn of one namespace.
func (s *state) decide(t process.Turn) process.Plan {
	n := s.namespaces.Get("", t.Key.Name)
	if n == nil || n.DeletionTimestamp == nil || !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return process.Plan{}
	}
	content := s.content[n.Name]
	if len(content) == 0 {
		return process.Plan{Commands: []*commandv1.Command{finalize(n)}}
	}
	commands := deletions(content)
	// While deletions are under way the status waits for what comes of them.
	if len(commands) > 0 && t.Err == nil {
		return process.Plan{Commands: commands}
	}
	next := n.DeepCopy()
	next.Status.Phase = corev1.NamespaceTerminating
	next.Status.Conditions = conditions(n.Status.Conditions, content, t)
	if !apiequality.Semantic.DeepEqual(&next.Status, &n.Status) {
		commands = append(commands, command.Update(t.Key, "status", next, "content remains"))
	}
	return process.Plan{Commands: commands}
}

// deletions are of what nobody has asked to delete yet: pods first, alone, so that
// they end with their config and services still there.
func deletions(content map[subject.Object]item) []*commandv1.Command {
	pods := false
	for o := range content {
		if pods = o.Resource == subject.Pods; pods {
			break
		}
	}
	var todo []subject.Object
	for o, i := range content {
		if !i.deleting && (!pods || o.Resource == subject.Pods) {
			todo = append(todo, o)
		}
	}
	slices.SortFunc(todo, func(a, b subject.Object) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource.Name, b.Resource.Name), cmp.Compare(a.Name, b.Name))
	})
	commands := make([]*commandv1.Command, 0, min(len(todo), burst))
	for _, o := range todo[:min(len(todo), burst)] {
		commands = append(commands, command.Delete(o, "", "its namespace is being deleted"))
	}
	return commands
}

// finalize takes the finalizer away that kept the namespace for this service.
func finalize(n *corev1.Namespace) *commandv1.Command {
	next := n.DeepCopy()
	next.Spec.Finalizers = slices.DeleteFunc(next.Spec.Finalizers, func(f corev1.FinalizerName) bool {
		return f == corev1.FinalizerKubernetes
	})
	return command.Update(subject.Object{Resource: subject.Namespaces, Name: n.Name}, "finalize", next, "all content is gone")
}
