package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// How often the node's own state is looked at, and told again though nothing has
// changed.
const (
	lookEvery   = 10 * time.Second
	statusEvery = 5 * time.Minute
)

// Source is what a node's status is made of beside the host's own facts.
type Source interface {
	// Health is nil once pods can run, else why they can't.
	Health() error
	// RuntimeVersion is "containerd://2.4.2".
	RuntimeVersion(ctx context.Context) (string, error)
	// Images are those present, largest first.
	Images(ctx context.Context) ([]corev1.ContainerImage, error)
}

// NodeConfig is what a node says of itself.
type NodeConfig struct {
	Name      string
	Addresses []corev1.NodeAddress
	// Port is the kubelet API's.
	Port int32
	// DataDir is on the file system that pods use.
	DataDir string
	// Labels and Taints are added when the node registers.
	Labels map[string]string
	Taints []corev1.Taint
	// MaxPods is 110 if 0; Reserved is kept from pods.
	MaxPods  int64
	Reserved corev1.ResourceList
	// Version is the agent's.
	Version  string
	Source   Source
	Commands process.Commander
	Log      *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Node registers a node and keeps its status and lease up to date.
type Node struct {
	config NodeConfig
	host   host
	// changed is told that the health may have changed.
	changed chan struct{}

	uid    string
	told   corev1.NodeStatus
	toldAt time.Time
}

// NewNode makes a node's report; Run runs it.
func NewNode(c NodeConfig) *Node {
	if c.MaxPods == 0 {
		c.MaxPods = 110
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Node{config: c, changed: make(chan struct{}, 1)}
}

// Changed says that the health may have changed: it is looked at soon. It never
// blocks.
func (n *Node) Changed() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Run registers the node, then tells its status and renews its lease until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	var err error
	if n.host, err = readHost(n.config.DataDir); err != nil {
		return err
	}
	registered := false
	renewals := &lease{name: n.config.Name, commands: n.config.Commands, now: n.config.Now}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	retry := backoff{}
	for {
		err := n.turn(ctx, &registered, renewals)
		var again <-chan time.Time
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("node status not told", zap.Error(err))
			again = time.After(retry.next())
		} else {
			retry = backoff{}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		case <-n.changed:
		case <-again:
		}
	}
}

// turn does what is due: register once, renew the lease, tell a changed status.
func (n *Node) turn(ctx context.Context, registered *bool, renewals *lease) error {
	if !*registered {
		if err := n.register(ctx); err != nil {
			return err
		}
		*registered = true
	}
	if err := renewals.renew(ctx, n.uid); err != nil {
		return err
	}
	err := n.tell(ctx)
	if errs.Is(err, errs.NotFound) { // the object was deleted: the agent is here all the same
		*registered = false
		n.told, n.toldAt = corev1.NodeStatus{}, time.Time{}
		n.Changed()
		return nil
	}
	return err
}

func (n *Node) key() subject.Object {
	return subject.Object{Resource: subject.Nodes, Name: n.config.Name}
}

// register creates the node, or takes up the one there is and brings its labels up
// to date.
func (n *Node) register(ctx context.Context) error {
	labels := map[string]string{
		corev1.LabelHostname: n.config.Name, corev1.LabelOSStable: n.host.os, corev1.LabelArchStable: n.host.architecture,
	}
	maps.Copy(labels, n.config.Labels)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.config.Name, Labels: labels},
		Spec:       corev1.NodeSpec{Taints: n.config.Taints},
	}
	result, err := n.config.Commands.Do(ctx, command.Create(n.key(), node, "node registers"))
	if errs.Is(err, errs.AlreadyExists) {
		return n.takeUp(ctx, labels)
	}
	if err != nil {
		return err
	}
	return n.learn(result.GetObject())
}

func (n *Node) takeUp(ctx context.Context, labels map[string]string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		return err
	}
	result, err := n.config.Commands.Do(ctx, command.Patch(n.key(), "", command.MergePatch, patch, "node registers again"))
	if err != nil {
		return err
	}
	return n.learn(result.GetObject())
}

// learn keeps what must be known of the node's object.
func (n *Node) learn(state []byte) error {
	var node corev1.Node
	if err := node.Unmarshal(state); err != nil {
		return fmt.Errorf("the gateway's answer about node %s: %w", n.config.Name, err)
	}
	n.uid = string(node.UID)
	n.told = node.Status
	return nil
}

// tell sends the status if it has changed, or if it has not been told for long.
func (n *Node) tell(ctx context.Context) error {
	now := n.config.Now()
	status, err := n.status(ctx, now)
	if err != nil {
		return err
	}
	if now.Sub(n.toldAt) < statusEvery && sameStatus(&status, &n.told) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	c := command.Patch(n.key(), "status", command.StrategicPatch, patch, "node status")
	if _, err := n.config.Commands.Do(ctx, c); err != nil {
		return err
	}
	n.told, n.toldAt = status, now
	return nil
}

// sameStatus compares all but the heartbeats.
func sameStatus(a, b *corev1.NodeStatus) bool {
	x, y := a.DeepCopy(), b.DeepCopy()
	for _, s := range []*corev1.NodeStatus{x, y} {
		for i := range s.Conditions {
			s.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
	}
	return equality.Semantic.DeepEqual(x, y)
}
