package report

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// leaseSeconds is how long a node counts as alive after a renewal; leaseEvery is
// when it is renewed.
const (
	leaseSeconds = 40
	leaseEvery   = 10 * time.Second
)

// lease is a node's heartbeat.
type lease struct {
	name     string
	commands process.Commander
	now      func() time.Time
	renewed  time.Time
}

// renew writes the lease if it is due. It is the node's alone, so it is replaced whole.
func (l *lease) renew(ctx context.Context, nodeUID string) error {
	now := l.now()
	if now.Sub(l.renewed) < leaseEvery {
		return nil
	}
	key := subject.Object{Resource: subject.CoordinationLeases, Namespace: corev1.NamespaceNodeLease, Name: l.name}
	object := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: l.name, Namespace: corev1.NamespaceNodeLease, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: l.name, UID: types.UID(nodeUID)}}},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &l.name, LeaseDurationSeconds: new(int32(leaseSeconds)), RenewTime: &metav1.MicroTime{Time: now}},
	}
	_, err := l.commands.Do(ctx, command.Update(key, "", object, "heartbeat"))
	if errs.Is(err, errs.NotFound) {
		_, err = l.commands.Do(ctx, command.Create(key, object, "heartbeat"))
	}
	if err == nil {
		l.renewed = now
	}
	return err
}
