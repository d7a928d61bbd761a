package deployment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/events/command"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// cluster is a Deployment, and ReplicaSets whose pods come, become available and go at random.
type cluster struct {
	t        *testing.T
	r        *rand.Rand
	s        *state
	sequence uint64
	now      time.Time
	// pods are the real numbers; a ReplicaSet's status may lag behind.
	pods map[string]*numbers
}

type numbers struct{ all, available int32 }

func (c *cluster) store(r subject.Resource, o metav1.Object, m command.Marshaler) {
	c.sequence++
	if o.GetUID() == "" {
		o.SetUID(types.UID("uid-" + strconv.FormatUint(c.sequence, 10)))
	}
	o.SetResourceVersion("")
	b, err := m.Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	c.s.Apply(&fold.Event{Stream: subject.State, Sequence: c.sequence, Event: &eventv1.Event{
		What: eventv1.What_SPEC_CHANGED, State: b,
		Object: &eventv1.ObjectRef{Group: r.Group, Resource: r.Name, Namespace: o.GetNamespace(), Name: o.GetName()},
	}})
}

func (c *cluster) deployment() *appsv1.Deployment { return c.s.deployments.Get("shop", "web") }

// change writes the Deployment's next generation.
func (c *cluster) change(fn func(d *appsv1.Deployment)) {
	d := c.deployment().DeepCopy()
	fn(d)
	d.Generation++
	c.store(subject.Deployments, d, d)
}

// turn decides once and carries out what may be lost at random: every command or some.
func (c *cluster) turn(lossy bool) int {
	plan := c.s.decide(process.Turn{Key: keyOf("shop", "web"), Now: c.now})
	for _, command := range plan.Commands {
		if !lossy || c.r.IntN(4) > 0 {
			c.carryOut(command)
		}
	}
	return len(plan.Commands)
}

func (c *cluster) carryOut(cmd *commandv1.Command) {
	switch name := cmd.GetObject().GetName(); {
	case cmd.GetObject().GetResource() == subject.ReplicaSets.Name && cmd.GetVerb() != commandv1.Verb_DELETE:
		rs := &appsv1.ReplicaSet{}
		if err := rs.Unmarshal(cmd.GetBody()); err != nil {
			c.t.Fatal(err)
		}
		if c.pods[name] == nil {
			c.pods[name] = &numbers{}
			rs.CreationTimestamp = metav1.NewTime(c.now)
			c.now = c.now.Add(time.Second)
		}
		rs.Generation++
		c.store(subject.ReplicaSets, rs, rs)
	case cmd.GetSubresource() == "status":
		d := &appsv1.Deployment{}
		if err := d.Unmarshal(cmd.GetBody()); err != nil {
			c.t.Fatal(err)
		}
		c.store(subject.Deployments, d, d)
	case cmd.GetVerb() == commandv1.Verb_PATCH:
		d := c.deployment().DeepCopy()
		d.Annotations = map[string]string{Revision: cmd.GetReason()[len("revision "):]}
		c.store(subject.Deployments, d, d)
	}
}

// live lets a ReplicaSet's pods come, become available or go, the unavailable first.
func (c *cluster) live(rs *appsv1.ReplicaSet) {
	n := c.pods[rs.Name]
	switch size := *rs.Spec.Replicas; {
	case n.all > size:
		n.all = size
		n.available = min(n.available, n.all)
	case n.all < size:
		n.all = size
	case n.available < n.all:
		n.available += 1 + c.r.Int32N(n.all-n.available)
	}
}

func (c *cluster) publish(rs *appsv1.ReplicaSet) (changed bool) {
	n, next := c.pods[rs.Name], rs.DeepCopy()
	next.Status = appsv1.ReplicaSetStatus{
		Replicas: n.all, ReadyReplicas: n.available, AvailableReplicas: n.available, ObservedGeneration: rs.Generation, TerminatingReplicas: new(int32),
	}
	if sameCounts(rs, next) {
		return false
	}
	c.store(subject.ReplicaSets, next, next)
	return true
}

func sameCounts(a, b *appsv1.ReplicaSet) bool {
	return a.Status.Replicas == b.Status.Replicas && a.Status.AvailableReplicas == b.Status.AvailableReplicas && a.Status.ObservedGeneration == b.Status.ObservedGeneration
}

func (c *cluster) settle() {
	for range 1000 {
		n := c.turn(false)
		for _, rs := range c.s.sets.All() {
			before := *c.pods[rs.Name]
			c.live(rs)
			if published := c.publish(rs); published || *c.pods[rs.Name] != before {
				n++
			}
		}
		if n == 0 {
			return
		}
	}
	c.t.Fatal("the rollout does not end")
}

func newCluster(t *testing.T, r *rand.Rand) *cluster {
	c := &cluster{t: t, r: r, s: newState(), now: time.Unix(1700000000, 0), pods: map[string]*numbers{}}
	size, limit := 1+r.Int32N(12), int32(3)
	surge, unavailable := intstr.FromInt32(r.Int32N(4)), intstr.FromString(fmt.Sprintf("%d%%", r.IntN(5)*10))
	labels := map[string]string{"app": "web"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Generation: 1},
		Spec: appsv1.DeploymentSpec{
			Replicas: &size, Selector: &metav1.LabelSelector{MatchLabels: labels}, RevisionHistoryLimit: &limit,
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		},
	}
	c.store(subject.Deployments, d, d)
	return c
}

// TestRollingUpdateKeepsItsBounds rolls at random, with lost commands and late statuses: never more pods than
// the surge allows, never fewer available than promised, and always an end.
func TestRollingUpdateKeepsItsBounds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		c := newCluster(t, rand.New(rand.NewPCG(seed, 1)))
		c.settle()
		for round := range 3 {
			c.change(func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Hostname = fmt.Sprint(c.r.IntN(4))
			})
			for range 60 {
				c.step()
				c.check(seed, round)
			}
		}
		c.settle()
		for _, rs := range c.s.sets.All() {
			if want := sameTemplate(&rs.Spec.Template, &c.deployment().Spec.Template); want != (*rs.Spec.Replicas > 0) {
				t.Fatalf("seed %d: %s ended with %d pods", seed, rs.Name, *rs.Spec.Replicas)
			}
		}
		if !complete(c.deployment(), &c.deployment().Status) {
			t.Fatalf("seed %d: ended with status %+v", seed, c.deployment().Status)
		}
	}
}

func (c *cluster) step() {
	if c.r.IntN(3) == 0 {
		c.turn(true)
		return
	}
	sets := c.s.sets.All()
	rs := sets[c.r.IntN(len(sets))]
	c.live(rs)
	if c.r.IntN(3) > 0 {
		c.publish(rs)
	}
}

func (c *cluster) check(seed uint64, round int) {
	d := c.deployment()
	var size, available int32
	for _, rs := range c.s.sets.All() {
		size += *rs.Spec.Replicas
		available += min(c.pods[rs.Name].available, *rs.Spec.Replicas)
	}
	most, least := replicas(d)+maxSurge(d), replicas(d)-maxUnavailable(d)
	if size > most || available < least {
		var have []string
		for _, rs := range c.s.sets.All() {
			have = append(have, fmt.Sprintf("%s %d %+v", rs.Name, *rs.Spec.Replicas, *c.pods[rs.Name]))
		}
		slices.Sort(have)
		c.t.Fatalf("seed %d round %d: %d pods (at most %d), %d available (at least %d): %v", seed, round, size, most, available, least, have)
	}
}

// BenchmarkTurn decides one of 5,000 Deployments whose ReplicaSets exist.
func BenchmarkTurn(b *testing.B) {
	const many = 5000
	c := newCluster(&testing.T{}, rand.New(rand.NewPCG(1, 1)))
	for n := range many {
		d := c.deployment().DeepCopy()
		d.Name, d.UID = fmt.Sprintf("web-%d", n), ""
		c.store(subject.Deployments, d, d)
		stored := c.s.deployments.Get("shop", d.Name)
		rs := newSet(stored, fmt.Sprint(n), "1")
		c.store(subject.ReplicaSets, rs, rs)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		c.s.decide(process.Turn{Key: keyOf("shop", fmt.Sprintf("web-%d", n%many)), Now: c.now})
		n++
	}
}
