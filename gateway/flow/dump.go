package flow

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// debugPath is where the dumps are served.
const debugPath = "/debug/api_priority_and_fairness/"

// Dumps are the handlers of the door's state, by path.
func (d *Door) Dumps() map[string]http.Handler {
	return map[string]http.Handler{
		debugPath + "dump_priority_levels": d.dump(d.dumpLevels), debugPath + "dump_queues": d.dump(d.dumpQueues),
		debugPath + "dump_requests": d.dump(d.dumpRequests),
	}
}

func (d *Door) dump(rows func(r *http.Request, l *level) [][]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		levels := maps.Clone(d.levels)
		d.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		table := tabwriter.NewWriter(w, 8, 0, 1, ' ', 0)
		row(table, rows(r, nil)[0])
		for _, name := range slices.Sorted(maps.Keys(levels)) {
			for _, values := range rows(r, levels[name]) {
				row(table, values)
			}
		}
		_ = table.Flush() // a client that is gone reads nothing
	})
}

func row(w *tabwriter.Writer, values []any) {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = fmt.Sprint(v)
	}
	_, _ = fmt.Fprintln(w, strings.Join(text, ",\t"))
}

func (d *Door) dumpLevels(_ *http.Request, l *level) [][]any {
	if l == nil {
		return [][]any{{"PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests",
			"DispatchedRequests", "RejectedRequests", "TimedoutRequests", "CancelledRequests"}}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.fair
	active := 0
	for _, q := range f.active {
		if q.waiting.length > 0 {
			active++
		}
	}
	return [][]any{{l.name, active, f.waiting+f.inside.length == 0, l.ending, f.waiting, f.inside.length,
		f.counts.dispatched, f.counts.rejected, f.counts.timedOut, f.counts.cancelled}}
}

// dumpQueues shows the queues that have requests.
func (d *Door) dumpQueues(_ *http.Request, l *level) (rows [][]any) {
	if l == nil {
		return [][]any{{"PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR",
			"InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum"}}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.fair.sorted() {
		rows = append(rows, []any{l.name, q.index, q.waiting.length, q.inside, q.seats, fmt.Sprintf("%.8fss", q.start),
			q.waitingSeats, q.waitingSeats, fmt.Sprintf("%.8fss", estimate*float64(q.waitingSeats))})
	}
	return rows
}

func (f *fair) sorted() []*queue {
	return slices.SortedFunc(slices.Values(f.active), func(a, b *queue) int { return a.index - b.index })
}

func (d *Door) dumpRequests(r *http.Request, l *level) (rows [][]any) {
	details := r.URL.Query().Get("includeRequestDetails") == "1"
	if l == nil {
		head := []any{"PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "ArriveTime",
			"InitialSeats", "FinalSeats", "AdditionalLatency", "StartTime"}
		if details {
			head = append(head, "UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource")
		}
		return [][]any{head}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := l.fair.inside.first; t != nil; t = t.next {
		rows = append(rows, d.dumpTicket(t, -1, details))
	}
	for _, q := range l.fair.sorted() {
		i := 0
		for t := q.waiting.first; t != nil; t = t.next {
			rows = append(rows, d.dumpTicket(t, i, details))
			i++
		}
	}
	return rows
}

func (d *Door) dumpTicket(t *ticket, place int, details bool) []any {
	s, a := t.seat.schema, &t.seat.attributes
	index, started := -1, time.Time{}
	if t.queue != nil {
		index = t.queue.index
	}
	if t.started != 0 {
		started = d.began.Add(time.Duration(t.started))
	}
	out := []any{s.level.name, s.object.Name, index, place, s.distinguisher(a), stamp(d.began.Add(time.Duration(t.arrived))), t.width, 0, "0s", stamp(started)}
	if !details {
		return out
	}
	version := a.APIVersion
	if a.APIGroup != "" {
		version = a.APIGroup + "/" + version
	}
	return append(out, a.User.Name, a.Verb, a.Path, a.Namespace, a.Name, version, a.Resource, a.Subresource)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
