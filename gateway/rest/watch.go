package rest

import (
	"context"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/view"
)

const (
	// gather is the least time between two writes of a busy watch: events that come meanwhile
	// go out together.
	gather = 2 * time.Millisecond
	// takeAtOnce bounds the events taken from the memory in one go.
	takeAtOnce = 512
	// bookmarkEvery is how often a quiet watch that allows it is told how far it is.
	bookmarkEvery = time.Minute
)

// watching is one watch under way.
type watching struct {
	server  *Server
	q       *request
	sel     *selector
	frames  *frames
	flusher http.Flusher
	started func()
	// after is the sequence up to which everything has been sent.
	after uint64
	out   []byte
	last  time.Time
}

// serveWatch streams the changes after a version, first what there is if so asked. It calls started when it has
// caught up: from then on it waits more than it works.
func (s *Server) serveWatch(ctx context.Context, q *request, started func()) error {
	o, err := q.listOptions()
	if err != nil {
		return err
	}
	if q.target.name != "" {
		o.FieldSelector = "metadata.name=" + q.target.name
	}
	sel, err := newSelector(q.served, q.Namespace, o.LabelSelector, o.FieldSelector)
	if err != nil {
		return err
	}
	initial, err := s.startOf(ctx, q, o)
	if err != nil {
		return err
	}
	if _, ok := q.w.(http.Flusher); !ok {
		return apierrors.NewInternalError(http.ErrNotSupported)
	}
	// What is written once the client knows that the watch has begun is an event of it.
	begin := q.table.Snapshot()
	unlimited(q.w)
	flusher := newPatient(q.w, s.cfg.Patience)
	q.w = flusher
	defer flusher.end()
	w := &watching{server: s, q: q, sel: sel, flusher: flusher, started: started, frames: newFrames(q, s.cfg.Now)}
	done := s.metrics.long(q)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, watchTimeout(o.TimeoutSeconds))
	defer cancel()
	stop := context.AfterFunc(s.draining, cancel)
	defer stop()
	q.w.Header()["Content-Type"] = []string{w.frames.contentType()}
	q.w.Header()["Cache-Control"] = noCache
	q.code = http.StatusOK
	q.w.WriteHeader(q.code)
	flusher.Flush()
	if err := w.run(ctx, o, initial, begin); err != nil && ctx.Err() == nil {
		w.fail(err)
	}
	return nil
}

// startOf waits until the view has the version that a watch starts at, and says whether it starts
// with what there is.
func (s *Server) startOf(ctx context.Context, q *request, o *metav1.ListOptions) (initial bool, err error) {
	if o.SendInitialEvents != nil {
		if o.ResourceVersionMatch != metav1.ResourceVersionMatchNotOlderThan {
			return false, apierrors.NewBadRequest("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
		}
		initial = *o.SendInitialEvents
	} else {
		if o.ResourceVersionMatch != "" {
			return false, apierrors.NewBadRequest("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
		}
		initial = o.ResourceVersion == "" || o.ResourceVersion == "0"
	}
	return initial, s.atLeast(ctx, &q.Call, o.ResourceVersion)
}

func (w *watching) run(ctx context.Context, o *metav1.ListOptions, initial bool, begin view.Snapshot) error {
	if initial {
		if err := w.present(o, begin); err != nil {
			return err
		}
	} else if o.ResourceVersion == "" || o.ResourceVersion == "0" {
		w.after = begin.Sequence
	} else {
		var err error
		if w.after, err = parseVersion(o.ResourceVersion); err != nil {
			return err
		}
	}
	for {
		watcher, err := w.catchUp(ctx)
		if err != nil {
			return err
		}
		w.started()
		err = w.follow(ctx, watcher, o.AllowWatchBookmarks)
		watcher.Stop()
		if !errs.Is(err, errs.Expired) {
			return err
		}
	}
}

// present sends what there is.
func (w *watching) present(o *metav1.ListOptions, begin view.Snapshot) error {
	w.after = begin.Sequence
	var err error
	begin.Ascend(w.sel.namespace, "", func(e *view.Entry) bool {
		if w.sel.matches(e) {
			err = w.add(watch.Added, e)
		}
		return err == nil
	})
	if err == nil && o.SendInitialEvents != nil && o.AllowWatchBookmarks {
		w.out, err = w.frames.bookmark(w.out, w.after, true)
	}
	if err != nil {
		return err
	}
	return w.flush()
}

// catchUp sends what lies between where the watch is and the memory, from the journal if the memory does
// not reach back that far, and starts the watcher.
func (w *watching) catchUp(ctx context.Context) (*view.Watcher, error) {
	for {
		watcher, first, err := w.q.table.Watch(w.sel.scope(), w.after)
		if err == nil {
			if err = w.send(first); err == nil {
				err = w.flush()
			}
			if err != nil {
				watcher.Stop()
			}
			return watcher, err
		}
		if w.q.served.Stream() != subject.State { // the others keep no history
			return nil, apierrors.NewResourceExpired("too old resource version: " + formatVersion(w.after))
		}
		w.after, err = w.q.table.Replay(ctx, w.sel.scope(), w.after, func(events []*view.Event) error {
			if err := w.send(events); err != nil {
				return err
			}
			return w.flush()
		})
		if err != nil {
			return nil, err
		}
	}
}

// follow sends what the watcher gives until ctx ends.
func (w *watching) follow(ctx context.Context, watcher *view.Watcher, bookmarks bool) error {
	ticker := time.NewTicker(bookmarkEvery)
	defer ticker.Stop()
	pause := time.NewTimer(gather)
	defer pause.Stop()
	var events []*view.Event
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if bookmarks {
				if err := w.mark(watcher); err != nil {
					return err
				}
			}
			continue
		case <-watcher.Wake():
		}
		if wait := gather - time.Since(w.last); wait > 0 {
			pause.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-pause.C:
			}
		}
		for {
			var err error
			if events, err = watcher.Take(events[:0], takeAtOnce); err != nil {
				return err
			}
			if len(events) == 0 {
				break
			}
			if err := w.send(events); err != nil {
				return err
			}
		}
		clear(events)
		if err := w.flush(); err != nil {
			return err
		}
	}
}

// mark sends a bookmark of a sequence up to which everything has been sent.
func (w *watching) mark(watcher *view.Watcher) error {
	through := w.q.table.Snapshot().Sequence
	events, err := watcher.Take(nil, 1<<30)
	if err != nil {
		return err
	}
	if err := w.send(events); err != nil {
		return err
	}
	w.after = max(w.after, through)
	if w.out, err = w.frames.bookmark(w.out, w.after, false); err != nil {
		return err
	}
	return w.flush()
}

// send adds the selected of some events, each as what it is to the selection.
func (w *watching) send(events []*view.Event) error {
	for _, e := range events {
		if e.Sequence <= w.after {
			continue
		}
		w.after = e.Sequence
		is := !e.Gone && w.sel.matches(e.Entry)
		was := e.Prev != nil && w.sel.matches(e.Prev)
		var err error
		switch {
		case is && was:
			err = w.add(watch.Modified, e.Entry)
		case is:
			err = w.add(watch.Added, e.Entry)
		case was && e.Gone:
			err = w.add(watch.Deleted, e.Entry)
		case was:
			err = w.add(watch.Deleted, e.Former())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *watching) add(what watch.EventType, e *view.Entry) (err error) {
	if w.out, err = w.frames.event(w.out, what, e); err == nil && len(w.out) >= chunk {
		_, err = w.q.w.Write(w.out)
		w.out = w.out[:0]
	}
	w.server.metrics.watchEvents.WithLabelValues(w.q.served.Group, w.q.served.Version, w.q.served.Resource).Inc()
	return err
}

func (w *watching) flush() error {
	w.last = time.Now()
	if len(w.out) > 0 {
		if _, err := w.q.w.Write(w.out); err != nil {
			return err
		}
		w.out = w.out[:0]
	}
	w.flusher.Flush()
	return nil
}

// fail ends the watch with an error event.
func (w *watching) fail(err error) {
	if out, bad := w.frames.status(w.out, StatusOf(err)); bad == nil {
		w.out = out
		_ = w.flush() // the client that cannot be told is gone
	}
}
