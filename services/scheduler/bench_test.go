package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/scheduler"
)

// cluster feeds a state events.
type cluster struct {
	state    *scheduler.State
	sequence uint64
}

type object interface {
	Marshal() ([]byte, error)
	metav1.Object
}

func (c *cluster) event(r subject.Resource, o object, what eventv1.What) *fold.Event {
	data, err := o.Marshal()
	if err != nil {
		panic(err)
	}
	c.sequence++
	return &fold.Event{Stream: subject.State, Sequence: c.sequence, Event: &eventv1.Event{
		What: what, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: data,
		Object: &eventv1.ObjectRef{Group: r.Group, Resource: r.Name, Namespace: o.GetNamespace(), Name: o.GetName()},
	}}
}

func (c *cluster) put(r subject.Resource, o object) []subject.Object {
	return c.state.Apply(c.event(r, o, eventv1.What_CREATED))
}

func testNode(name, cpu, memory string, pods int64, labels map[string]string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	for k, v := range labels {
		n.Labels[k] = v
	}
	n.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		corev1.ResourcePods: *resource.NewQuantity(pods, resource.DecimalSI),
	}
	return n
}

func testPod(name, cpu, memory string, labels map[string]string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: labels}}
	p.Spec.Containers = []corev1.Container{{Name: "c", Image: "registry.local/web:1", Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
	}}}
	return p
}

// BenchmarkDecide decides plain pods, pods of a Service (spread by default) and pods with
// constraints on a cluster of 1,000 nodes in three zones. Each round folds the pod's creation, decides,
// and encodes and folds the binding.
func BenchmarkDecide(b *testing.B) {
	kinds := map[string]func(p *corev1.Pod){
		"plain":   func(p *corev1.Pod) { p.Labels = map[string]string{"app": "none"} },
		"service": func(*corev1.Pod) {},
		"spread": func(p *corev1.Pod) {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
				LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels},
			}}
		},
		"antiaffinity": func(p *corev1.Pod) {
			p.Labels = map[string]string{"app": "db"}
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{
					TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels},
				}}},
			}}
		},
	}
	for _, name := range []string{"plain", "service", "spread", "antiaffinity"} {
		b.Run(name, func(b *testing.B) {
			c := &cluster{state: scheduler.NewState()}
			c.put(subject.Services, &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}},
			})
			for i := range 1000 {
				c.put(subject.Nodes, testNode(fmt.Sprintf("n%d", i), "64000", "256000Gi", 1<<30, map[string]string{corev1.LabelTopologyZone: fmt.Sprint("z", i%3)}))
			}
			created, bound := make([]*fold.Event, b.N), make([]*corev1.Pod, b.N)
			for i := range b.N {
				p := testPod(fmt.Sprintf("p%d", i), "100m", "64Mi", map[string]string{"app": "web"})
				kinds[name](p)
				created[i], bound[i] = c.event(subject.Pods, p, eventv1.What_CREATED), p
			}
			now := time.Unix(1, 0)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.state.Apply(created[i])
				plan := c.state.Decide(process.Turn{Key: created[i].Key(), Now: now})
				node := plan.Commands[0].GetScheduling().GetNode()
				if node == "" {
					b.Fatal("refused")
				}
				bound[i].Spec.NodeName = node
				c.state.Apply(c.event(subject.Pods, bound[i], eventv1.What_BOUND))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}
