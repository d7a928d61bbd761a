package nodetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// Cluster answers a node agent's commands as a gateway would: it keeps pods, patches their statuses, and
// remembers Events.
type Cluster struct {
	mu     sync.Mutex // guards what follows
	pods   map[string]*corev1.Pod
	events []string
	tokens int
	// changed is closed and replaced at each change.
	changed chan struct{}
}

// NewCluster is an empty cluster.
func NewCluster() *Cluster {
	return &Cluster{pods: map[string]*corev1.Pod{}, changed: make(chan struct{})}
}

// Do implements process.Commander.
func (c *Cluster) Do(_ context.Context, cmd *commandv1.Command) (*commandv1.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		close(c.changed)
		c.changed = make(chan struct{})
	}()
	o := cmd.GetObject()
	switch {
	case o.GetResource() == subject.Pods.Name && cmd.GetVerb() == commandv1.Verb_PATCH:
		return c.patch(o.GetName(), cmd)
	case o.GetResource() == subject.Pods.Name && cmd.GetVerb() == commandv1.Verb_DELETE:
		p := c.pods[o.GetName()]
		if p == nil || cmd.GetExpectedUid() != string(p.UID) {
			return nil, errs.F("delete", errs.NotFound, "pods %q not found", o.GetName())
		}
		delete(c.pods, o.GetName())
	case cmd.GetSubresource() == "token":
		c.tokens++
		t := authv1.TokenRequest{Status: authv1.TokenRequestStatus{Token: fmt.Sprintf("token-%d", c.tokens),
			ExpirationTimestamp: metav1.NewTime(time.Now().Add(time.Hour))}}
		b, err := t.Marshal()
		return &commandv1.Result{Object: b}, err
	case o.GetResource() == subject.CoreEvents.Name && cmd.GetVerb() == commandv1.Verb_CREATE:
		var e corev1.Event
		if err := e.Unmarshal(cmd.GetBody()); err != nil {
			return nil, err
		}
		c.events = append(c.events, e.InvolvedObject.Name+" "+e.Reason+": "+e.Message)
	}
	return &commandv1.Result{Object: cmd.GetBody()}, nil
}

func (c *Cluster) patch(name string, cmd *commandv1.Command) (*commandv1.Result, error) {
	p := c.pods[name]
	if p == nil || cmd.GetExpectedUid() != string(p.UID) {
		return nil, errs.F("patch", errs.NotFound, "pods %q not found", name)
	}
	before, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	after, err := strategicpatch.StrategicMergePatch(before, cmd.GetBody(), corev1.Pod{})
	if err != nil {
		return nil, errs.E("patch", errs.Invalid, err)
	}
	next := &corev1.Pod{}
	if err := json.Unmarshal(after, next); err != nil {
		return nil, errs.E("patch", errs.Invalid, err)
	}
	c.pods[name] = next
	return &commandv1.Result{}, nil
}

// Put adds or replaces a pod.
func (c *Cluster) Put(p *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pods[p.Name] = p.DeepCopy()
}

// Pod is a pod as the cluster has it; nil if it is gone.
func (c *Cluster) Pod(name string) *corev1.Pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods[name]
}

// Events are those told so far, "object reason: message".
func (c *Cluster) Events() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.events...)
}

// Tokens counts the tokens issued.
func (c *Cluster) Tokens() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens
}

const patience = 30 * time.Second

// Await waits until the pod is as wanted.
func (c *Cluster) Await(t testing.TB, name string, want func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var last *corev1.Pod
	c.until(t, func() bool {
		last = c.pods[name]
		return last != nil && want(last)
	}, func() string {
		b, _ := json.MarshalIndent(last, "", " ")
		return fmt.Sprintf("pod %s never got there: %s\n%v", name, b, c.events)
	})
	return last
}

// AwaitGone waits until the pod is deleted.
func (c *Cluster) AwaitGone(t testing.TB, name string) {
	t.Helper()
	c.until(t, func() bool { return c.pods[name] == nil }, func() string { return "pod " + name + " stays" })
}

// Until waits for a condition of the cluster's.
func (c *Cluster) until(t testing.TB, done func() bool, why func() string) {
	t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		ok, changed := done(), c.changed
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatal(why())
		}
	}
}
