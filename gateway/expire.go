package gateway

import (
	"context"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/rest"
	"taffrail.dev/gateway/view"
)

const (
	// eventsKept is how long an Event object lives after it was last seen; its stream keeps the
	// deletion for some days more.
	eventsKept = 72 * time.Hour
	// expireEvery is how often expired ones are looked for.
	expireEvery = 10 * time.Minute
)

// expire deletes Event objects that nobody has seen for long, until ctx ends. Several replicas may
// do so: the second finds them gone.
func (g *Gateway) expire(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			g.expireAt(ctx, now)
		}
	}
}

func (g *Gateway) expireAt(ctx context.Context, now time.Time) {
	var old []*view.Entry
	g.view.Table(subject.CoreEvents).Snapshot().Ascend("", "", func(e *view.Entry) bool {
		if obj, err := e.Decode(); err == nil && now.Sub(lastSeen(obj.(*corev1.Event))) > eventsKept {
			old = append(old, e)
		}
		return ctx.Err() == nil
	})
	for _, e := range old {
		c := &rest.Call{Expect: e.Sequence, Reason: "not seen for " + eventsKept.String(), UserAgent: "gateway"}
		c.User, c.Verb = access.ServiceUser("gateway"), "delete"
		object := subject.Object{Resource: subject.CoreEvents, Namespace: e.Namespace(), Name: e.Name()}
		err := g.rest.Resolve(c, object, "", "")
		if err == nil {
			_, err = g.rest.Do(ctx, c)
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			g.cfg.Log.Warn("event not expired", zap.String("event", object.String()), zap.Error(err))
			return
		}
	}
}

// lastSeen is the latest time that an Event object tells of.
func lastSeen(e *corev1.Event) time.Time {
	at := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(at) {
			at = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	return at
}
