// Package pod is the machine that runs one pod: it knows what is wanted (the Pod) and what is
// seen (its own fields, changed by Done, Exit and Adopt alone) and says what to do next. It has
// no clock, no I/O and no goroutine; who drives it carries the actions out and tells the results.
//
// Invariants:
//  1. At most one action with a given key is under way.
//  2. A container's process is never started before the pod's network and volumes are ready.
//  3. A container that ended with success is never started again unless its policy is Always.
//  4. Nothing is started once the pod is ending, and the sandbox outlives every container.
package pod

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Verb is what an action does.
type Verb string

// The verbs. Those marked with c are about one container.
const (
	Mount   Verb = "mount"   // the pod's volumes
	Sandbox Verb = "sandbox" // namespaces and cgroup
	Network Verb = "network" // addresses
	Pull    Verb = "pull"    // c: have the image here
	Create  Verb = "create"  // c: the container, its process waiting
	Start   Verb = "start"   // c
	Post    Verb = "poststart"
	Probe   Verb = "probe"   // c
	PreStop Verb = "prestop" // c
	Signal  Verb = "signal"  // c: the stop signal, or with Kill the last one
	Forget  Verb = "forget"  // an ended container of an earlier attempt
	Down    Verb = "down"    // network and sandbox
	Unmount Verb = "unmount"
	Sweep   Verb = "sweep"  // all of the pod's containers and folders
	Finish  Verb = "finish" // the API's object: delete with grace 0
)

// Action is one thing to do.
type Action struct {
	Verb      Verb
	Container string
	// ID and Attempt are of the container that is meant.
	ID      string
	Attempt int32
	// Probe is which probe runs.
	Probe ProbeKind
	// Kill is the signal that cannot be refused.
	Kill bool
	// Within bounds the action: a probe's timeout, the grace left for a hook.
	Within time.Duration
}

func (a Action) key() string { return string(a.Verb) + "/" + a.Container + "/" + string(a.Probe) }

// Result is what became of an action.
type Result struct {
	// Err is shown to people in status and events; "" is success. Reason is the waiting reason that
	// goes with it, where it isn't the verb's usual one.
	Err, Reason string
	// IPs of a network; ImageID and Took of a pull, Present if nothing had to be fetched.
	IPs     []string
	ImageID string
	Present bool
	Took    time.Duration
	Bytes   int64
}

// Kind is a container's role.
type Kind int

// The kinds.
const (
	App Kind = iota
	Init
	Sidecar
	Ephemeral
)

type phase int

const (
	none phase = iota
	created
	running
	exited
)

// container is what is known of one container of the spec.
type container struct {
	spec    *corev1.Container
	kind    Kind
	id      string
	attempt int32
	phase   phase
	imageID string
	pulled  bool

	startedAt, finishedAt time.Time
	exit                  Exit
	// last is the end of the attempt before this one, old its container.
	last *corev1.ContainerStateTerminated
	old  string
	// prior is the end before last, shown while the next attempt is being made.
	prior *corev1.ContainerStateTerminated
	// forgotten counts the attempts whose containers have been removed.
	forgotten int32

	// started: the startup probe has succeeded or there is none. ready: the readiness probe likewise.
	started, ready, posted bool
	probes                 map[ProbeKind]*probe

	// stopping is why, "" if it isn't; asked is when the stop signal was sent, due when the last
	// signal follows.
	stopping    string
	hooked      bool
	asked, due  time.Time
	killed      bool
	crash, pull backoff
	// waiting is why it doesn't run, if that isn't simply its turn.
	waiting, message string
}

// Exit is a container's end as the runtime tells it.
type Exit struct {
	ID     string
	Code   int32
	Signal int32
	OOM    bool
	// Lost says that nobody saw the end.
	Lost    bool
	Message string
	At      time.Time
}

// State is one pod on its node.
type State struct {
	Pod *corev1.Pod
	// Removed says that the API no longer has the pod.
	Removed bool

	containers []*container
	byName     map[string]*container
	busy       map[string]bool
	trouble    map[string]*backoff // by action key
	mounted    bool
	sandbox    bool
	network    bool
	ips        []string
	hostIPs    []string
	startedAt  time.Time
	initDone   bool

	// ending is when the pod began to end; reason and message are set if the node ended it.
	ending          time.Time
	reason, message string
	terminal        bool // the phase is final
	// evicted: what still runs gets a second.
	evicted bool
	// conclude is the final phase, where containers decided it.
	conclude        corev1.PodPhase
	down, unmounted bool
	swept, finished bool

	conditions map[corev1.PodConditionType]corev1.PodCondition
	events     []Event
}

// Event is something to tell people, as a Kubernetes Event about the pod.
type Event struct {
	Type, Reason, Message string
	// Container is whose field the event points at, "" for the pod.
	Container string
}

// New is a pod that nothing has been done for yet.
func New(p *corev1.Pod, hostIPs []string, now time.Time) *State {
	s := &State{byName: map[string]*container{}, busy: map[string]bool{}, trouble: map[string]*backoff{}, hostIPs: hostIPs,
		startedAt: now, conditions: map[corev1.PodConditionType]corev1.PodCondition{}}
	if p.Status.StartTime != nil {
		s.startedAt = p.Status.StartTime.Time
	}
	for _, c := range p.Status.Conditions {
		s.conditions[c.Type] = c
	}
	s.terminal = p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	if s.terminal {
		s.reason, s.message = p.Status.Reason, p.Status.Message
	}
	s.Want(p, now)
	s.admit()
	return s
}

// UID is the pod's.
func (s *State) UID() types.UID { return s.Pod.UID }

// Want takes a newer version of the same pod.
func (s *State) Want(p *corev1.Pod, now time.Time) {
	s.Pod = p
	var list []*container
	add := func(spec *corev1.Container, k Kind) {
		c := s.byName[spec.Name]
		if c == nil {
			c = &container{kind: k, probes: map[ProbeKind]*probe{}}
			s.byName[spec.Name] = c
		}
		c.spec = spec
		list = append(list, c)
	}
	for i := range p.Spec.InitContainers {
		k := Init
		if r := p.Spec.InitContainers[i].RestartPolicy; r != nil && *r == corev1.ContainerRestartPolicyAlways {
			k = Sidecar
		}
		add(&p.Spec.InitContainers[i], k)
	}
	for i := range p.Spec.Containers {
		add(&p.Spec.Containers[i], App)
	}
	for i := range p.Spec.EphemeralContainers {
		spec := corev1.Container(p.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		add(&spec, Ephemeral)
	}
	s.containers = list
	if p.DeletionTimestamp != nil && s.ending.IsZero() {
		s.ending = now
	}
	if !s.ending.IsZero() && p.DeletionTimestamp != nil {
		s.shorten(now)
	}
}

// Remove says that the API has no such pod any longer.
func (s *State) Remove(now time.Time) {
	s.Removed = true
	if s.ending.IsZero() {
		s.ending = now
	}
}

// Spec is the container of that name; nil if there is none.
func (s *State) Spec(name string) *corev1.Container {
	if c := s.byName[name]; c != nil {
		return c.spec
	}
	return nil
}

// ContainerID is the id of the container's current attempt, or with previous of the one before; "" if none.
func (s *State) ContainerID(name string, previous bool) (string, bool) {
	c := s.byName[name]
	switch {
	case c == nil:
		return "", false
	case previous:
		return c.old, c.old != ""
	}
	return c.id, c.id != ""
}

// ContainerIDs are all containers that the pod may have in the runtime.
func (s *State) ContainerIDs() []string {
	var out []string
	for _, c := range s.containers {
		if c.id != "" {
			out = append(out, c.id)
		}
		if c.old != "" {
			out = append(out, c.old)
		}
		if c.id == "" {
			out = append(out, s.newID(c))
		}
	}
	return out
}

// Of is which container and attempt an id is of.
func (s *State) Of(id string) (name string, attempt int32, ok bool) {
	for _, c := range s.containers {
		if c.id == id {
			return c.spec.Name, c.attempt, true
		}
	}
	return "", 0, false
}

// Running says whether the container's process runs.
func (s *State) Running(name string) bool {
	c := s.byName[name]
	return c != nil && c.phase == running
}

// IPs are the pod's addresses, once it has some.
func (s *State) IPs() []string { return s.ips }

// Gone says that nothing is left to do: the pod can be forgotten.
func (s *State) Gone() bool { return s.finished }

// Events takes the events since the last call.
func (s *State) Events() []Event {
	e := s.events
	s.events = nil
	return e
}

func (s *State) note(container, reason, message string) {
	s.events = append(s.events, Event{Type: corev1.EventTypeNormal, Reason: reason, Message: message, Container: container})
}

func (s *State) warn(container, reason, message string) {
	s.events = append(s.events, Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message, Container: container})
}

// Address is "name_namespace(uid)", as messages name a pod.
func (s *State) Address() string {
	return s.Pod.Name + "_" + s.Pod.Namespace + "(" + string(s.Pod.UID) + ")"
}
