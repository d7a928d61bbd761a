// Package audit appends what the gateway refused to the stream AUDIT.
package audit

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const (
	queued  = 1024
	atOnce  = 64
	patient = 5 * time.Second
)

// Log appends refusals, best effort: what its queue cannot hold is counted and dropped.
type Log struct {
	journal journal.Writer
	log     *zap.Logger
	queue   chan *eventv1.Event
	records *prometheus.CounterVec

	mu    sync.Mutex // guards limit
	limit minute
}

// New makes a Log; Run appends.
func New(j journal.Writer, metrics prometheus.Registerer, log *zap.Logger) *Log {
	l := &Log{journal: j, log: log, queue: make(chan *eventv1.Event, queued), records: newRecords()}
	metrics.MustRegister(l.records)
	return l
}

// Take queues an event. It never blocks, and is safe for concurrent use.
func (l *Log) Take(e *eventv1.Event) {
	l.mu.Lock()
	ok := l.limit.take(e)
	l.mu.Unlock()
	if !ok {
		l.records.WithLabelValues("repeated").Inc()
		return
	}
	select {
	case l.queue <- e:
	default:
		l.records.WithLabelValues("dropped").Inc()
	}
}

// Run appends what is queued until ctx ends, and then what is left.
func (l *Log) Run(ctx context.Context) error {
	for {
		select {
		case e := <-l.queue:
			l.append(ctx, l.batch(e))
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patient)
			defer cancel()
			for len(l.queue) > 0 {
				l.append(ending, l.batch(<-l.queue))
			}
			return nil
		}
	}
}

// batch is first and what else is queued; an append has but one event about an object.
func (l *Log) batch(first *eventv1.Event) [][]journal.Record {
	batches := [][]journal.Record{nil}
	subjects := map[string]bool{}
	add := func(e *eventv1.Event) {
		data, err := envelope.Encode(e)
		if err != nil {
			l.records.WithLabelValues("failed").Inc()
			l.log.Error("a refusal is no event", zap.Error(err))
			return
		}
		on := envelope.Object(e).Audit()
		if subjects[on] {
			batches = append(batches, nil)
			clear(subjects)
		}
		subjects[on] = true
		last := len(batches) - 1
		batches[last] = append(batches[last], journal.Record{Subject: on, Expect: journal.Any, ID: e.GetId(), Data: data})
	}
	add(first)
	for range atOnce - 1 {
		select {
		case e := <-l.queue:
			add(e)
		default:
			return batches
		}
	}
	return batches
}

func (l *Log) append(ctx context.Context, batches [][]journal.Record) {
	for _, records := range batches {
		if len(records) == 0 {
			continue
		}
		err := l.once(ctx, records)
		if err != nil {
			err = l.once(ctx, records)
		}
		result := "appended"
		if err != nil {
			result = "failed"
			l.log.Error("refusals were not appended", zap.Int("count", len(records)), zap.Error(err))
		}
		l.records.WithLabelValues(result).Add(float64(len(records)))
	}
}

func (l *Log) once(ctx context.Context, records []journal.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patient)
	defer cancel()
	_, err := l.journal.Append(ctx, records...)
	return err
}
