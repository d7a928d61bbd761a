// Package history answers what happened: the journal's events as changes, oldest
// first, filtered by object and time, and only those whose object the asker may get.
package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Change is one event as a person or a script reads it.
type Change struct {
	Sequence    uint64         `json:"sequence"`
	Stream      subject.Stream `json:"stream"`
	Time        time.Time      `json:"time"`
	Actor       Actor          `json:"actor"`
	Verb        string         `json:"verb"`
	Subresource string         `json:"subresource,omitempty"`
	What        string         `json:"what"`
	Object      Object         `json:"object"`
	Reason      string         `json:"reason,omitempty"`
	// Prior is the object's change before this one, Cause the change that the actor reacted
	// to, Correlation the root of that chain; 0 for none.
	Prior       uint64 `json:"prior,omitempty"`
	Cause       uint64 `json:"cause,omitempty"`
	Correlation uint64 `json:"correlation,omitempty"`
	// Detail is the domain's own account, if there is one.
	Detail any `json:"detail,omitempty"`
	// Admission is what plugins, webhooks and policies did to the write, if anything.
	Admission *eventv1.Admission `json:"admission,omitempty"`
}

// Actor is who made a change.
type Actor struct {
	User         string   `json:"user"`
	Groups       []string `json:"groups,omitempty"`
	Agent        string   `json:"userAgent,omitempty"`
	Address      string   `json:"sourceAddress,omitempty"`
	Impersonator string   `json:"impersonator,omitempty"`
}

// Object is what was changed.
type Object struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid,omitempty"`
}

// Query chooses changes.
type Query struct {
	Stream subject.Stream
	// Filters are subject filters, none for all.
	Filters []string
	// Since drops changes before it; zero for none.
	Since time.Time
	// Follow goes on with changes as they come, until ctx ends.
	Follow bool
}

// errEnd ends a read that does not follow.
var errEnd = errors.New("end of history")

// Read calls fn with the changes that q chooses, oldest first.
func Read(ctx context.Context, r journal.Reader, q Query, fn func(*Change) error) error {
	last, err := r.Last(ctx)
	if err != nil {
		return err
	}
	if last == 0 && !q.Follow {
		return nil
	}
	err = r.Read(ctx, 1, q.Filters, func(batch []journal.Message, through uint64) error {
		for _, m := range batch {
			if err := one(m, q, fn); err != nil {
				return err
			}
		}
		if !q.Follow && through >= last {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

func one(m journal.Message, q Query, fn func(*Change) error) error {
	e, err := envelope.Decode(m.Subject, m.Data)
	if err != nil {
		return fmt.Errorf("event %d of %s: %w", m.Sequence, q.Stream, err)
	}
	if at := time.Unix(0, e.GetTime()); at.Before(q.Since) {
		return nil
	}
	return fn(ChangeOf(q.Stream, m.Sequence, e))
}

// ChangeOf is an event as a change.
func ChangeOf(stream subject.Stream, sequence uint64, e *eventv1.Event) *Change {
	a, o := e.GetActor(), e.GetObject()
	return &Change{
		Sequence: sequence, Stream: stream, Time: time.Unix(0, e.GetTime()).UTC(),
		Actor: Actor{a.GetUser(), a.GetGroups(), a.GetUserAgent(), a.GetSourceAddress(), a.GetImpersonator()},
		Verb:  e.GetVerb(), Subresource: e.GetSubresource(), What: words[e.GetWhat()],
		Object: Object{o.GetGroup(), o.GetVersion(), o.GetKind(), o.GetResource(), o.GetNamespace(), o.GetName(), o.GetUid()},
		Reason: e.GetReason(), Prior: e.GetPrior(), Cause: e.GetCause(), Correlation: e.GetCorrelation(),
		Detail: detail(e), Admission: e.GetAdmission(),
	}
}

// words are the names of what happened, in the past tense.
var words = map[eventv1.What]string{
	eventv1.What_CREATED:            "Created",
	eventv1.What_SPEC_CHANGED:       "SpecChanged",
	eventv1.What_STATUS_CHANGED:     "StatusChanged",
	eventv1.What_METADATA_CHANGED:   "MetadataChanged",
	eventv1.What_BOUND:              "Bound",
	eventv1.What_SCALED:             "Scaled",
	eventv1.What_EVICTED:            "Evicted",
	eventv1.What_DELETION_REQUESTED: "DeletionRequested",
	eventv1.What_DELETED:            "Deleted",
	eventv1.What_REFUSED:            "Refused",
}

func detail(e *eventv1.Event) any {
	switch d := e.GetDetail().(type) {
	case *eventv1.Event_Scheduling:
		return d.Scheduling
	case *eventv1.Event_Rollout:
		return d.Rollout
	case *eventv1.Event_Container:
		return d.Container
	case *eventv1.Event_Eviction:
		return d.Eviction
	}
	return nil
}
