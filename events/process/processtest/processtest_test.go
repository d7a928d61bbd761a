package processtest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"taffrail.dev/events/command"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// thing is a small API object whose wire form is its JSON.
type thing struct {
	APIVersion string   `json:"apiVersion,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		Replicas int    `json:"replicas,omitempty"`
		NodeName string `json:"nodeName,omitempty"`
	} `json:"spec"`
	Status struct {
		Replicas   int    `json:"replicas,omitempty"`
		Conditions []cond `json:"conditions,omitempty"`
	} `json:"status"`
}

type metadata struct {
	Name              string   `json:"name,omitempty"`
	GenerateName      string   `json:"generateName,omitempty"`
	Namespace         string   `json:"namespace,omitempty"`
	UID               string   `json:"uid,omitempty"`
	ResourceVersion   string   `json:"resourceVersion,omitempty"`
	Generation        int64    `json:"generation,omitempty"`
	Owner             string   `json:"owner,omitempty"`
	Finalizers        []string `json:"finalizers,omitempty"`
	CreationTimestamp string   `json:"creationTimestamp,omitempty"`
	DeletionTimestamp string   `json:"deletionTimestamp,omitempty"`
}

type cond struct {
	Type   string `json:"type"`
	Status string `json:"status"`
}

func (t *thing) Marshal() ([]byte, error)     { return json.Marshal(t) }
func (t *thing) Unmarshal(b []byte) error     { return json.Unmarshal(b, t) }
func (t *thing) SetResourceVersion(rv string) { t.Metadata.ResourceVersion = rv }

// sets keeps as many pods per set as it says; it is the example of the package.
type sets struct {
	sets, pods *fold.Store[thing, *thing]
}

func newSets() *process.Controller {
	s := &sets{fold.NewStore[thing](subject.ReplicaSets), fold.NewStore[thing](subject.Pods)}
	return &process.Controller{
		Spec:  process.Spec{Name: "sets", Reads: []subject.Resource{subject.ReplicaSets, subject.Pods}},
		State: s, Decide: s.decide,
	}
}

func (s *sets) Apply(e *fold.Event) []subject.Object {
	if e.Key().Resource == subject.ReplicaSets {
		_, _, _ = s.sets.Apply(e)
		return []subject.Object{e.Key()}
	}
	before, after, err := s.pods.Apply(e)
	if err != nil {
		return nil
	}
	if after == nil {
		after = before
	}
	return []subject.Object{{Resource: subject.ReplicaSets, Namespace: e.Key().Namespace, Name: after.Metadata.Owner}}
}

func (s *sets) decide(t process.Turn) process.Plan {
	set := s.sets.Get(t.Key.Namespace, t.Key.Name)
	if set == nil {
		return process.Plan{}
	}
	var plan process.Plan
	have := 0
	for _, p := range s.pods.In(t.Key.Namespace) {
		if p.Metadata.Owner != t.Key.Name || p.Metadata.DeletionTimestamp != "" {
			continue
		}
		if have++; have > set.Spec.Replicas {
			o := subject.Object{Resource: subject.Pods, Namespace: t.Key.Namespace, Name: p.Metadata.Name}
			plan.Commands = append(plan.Commands, command.Delete(o, p.Metadata.UID, "one too many"))
		}
	}
	for i := have; i < set.Spec.Replicas; i++ {
		pod := &thing{Metadata: metadata{GenerateName: t.Key.Name + "-", Owner: t.Key.Name}}
		o := subject.Object{Resource: subject.Pods, Namespace: t.Key.Namespace}
		plan.Commands = append(plan.Commands, command.Create(o, pod, fmt.Sprintf("have %d of %d", have, set.Spec.Replicas)))
	}
	if len(plan.Commands) == 0 && set.Status.Replicas != have {
		patch := fmt.Appendf(nil, `{"status":{"replicas":%d,"conditions":[{"type":"Full","status":"True"}]}}`, have)
		plan.Commands = []*commandv1.Command{command.Patch(t.Key, "status", command.StrategicPatch, patch, "counted")}
	}
	if t.Failures > 1 {
		plan.After = time.Minute
	}
	return plan
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: newSets,
		Kinds: []processtest.Kind{
			processtest.KindOf[thing](subject.ReplicaSets, "apps/v1", "ReplicaSet"),
			processtest.KindOf[thing](subject.Pods, "v1", "Pod"),
			processtest.KindOf[thing](subject.Resource{Name: "pods/binding"}, "v1", "Binding"),
		},
	})
}
