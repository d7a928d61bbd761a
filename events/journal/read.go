package journal

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

const (
	heartbeat = 2 * time.Second
	// readBatch bounds the messages of one call of a reader's fn.
	readBatch = 2048
	maxPause  = 2 * time.Second
)

// Read follows the stream with an ephemeral ordered consumer, made anew whenever it
// lost something or went silent.
func (j *JetStream) Read(ctx context.Context, from uint64, filters []string, fn func([]Message, uint64) error) error {
	r := &reading{j: j, from: max(from, 1), fn: fn}
	if j.options.FilterAtServer && len(filters) > 1 {
		return errs.F("read journal", errs.Internal, "a filter at the server is one filter, not %d", len(filters))
	}
	if j.options.FilterAtServer && len(filters) == 1 {
		r.serverFilter = filters[0]
	} else {
		r.filters = filters
	}
	wait := 10 * time.Millisecond
	for {
		began := r.from
		err := r.consume(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.failed != nil {
			return r.failed
		}
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
			return err
		}
		if r.from != began {
			wait = 10 * time.Millisecond
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxPause)
	}
}

// reading is one Read under way.
type reading struct {
	j            *JetStream
	from         uint64 // the next stream sequence wanted
	filters      []string
	serverFilter string
	fn           func([]Message, uint64) error
	failed       error // fn's

	mu    sync.Mutex
	queue []*nats.Msg
	woken chan struct{}
}

func (r *reading) push(m *nats.Msg) {
	r.mu.Lock()
	r.queue = append(r.queue, m)
	first := len(r.queue) == 1
	r.mu.Unlock()
	if first {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}
}

func (r *reading) take() []*nats.Msg {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queue
	r.queue = nil
	return q
}

// consume reads with one consumer until it breaks.
func (r *reading) consume(ctx context.Context) error {
	nc := r.j.nc
	r.queue, r.woken = nil, make(chan struct{}, 1)
	inbox := nc.NewInbox()
	sub, err := nc.Subscribe(inbox, r.push)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	// The server's flow control bounds what is under way.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	end, err := r.tail(ctx)
	if err != nil {
		return err
	}
	name := "read-" + nuid.Next()
	if err := r.create(ctx, name, inbox); err != nil {
		return err
	}
	if !r.j.options.FilterAtServer { // who may read a part only may not delete consumers: it expires
		defer func() { _ = nc.Publish("$JS.API.CONSUMER.DELETE."+r.j.stream+"."+name, nil) }()
	}
	// A server that was away has lost the consumer, or what it sent meanwhile.
	reconnected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(reconnected)
	c := consumer{reading: r, end: end}
	if end.message < r.from {
		if err := c.pass(ctx, nil, end.sequence); err != nil {
			return err
		}
	}
	silent := time.NewTimer(3 * heartbeat)
	defer silent.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-reconnected:
			return errGap
		case <-silent.C:
			return errs.F("read journal", errs.Unavailable, "no heartbeat")
		case <-r.woken:
			silent.Reset(3 * heartbeat)
			if err := c.handle(ctx, r.take()); err != nil {
				return err
			}
		}
	}
}

// tail is the stream's end when a consumer is made: message is its last, sequence its last sequence. They differ when
// the last messages were deleted, or have expired: who has been given the one has read through the other. Both are
// what the stream's leader says. The consumer's server may lag, so its having nothing more to give tells nothing.
type tail struct{ message, sequence uint64 }

// tail asks for the stream's end. Who may read a part only does without.
func (r *reading) tail(ctx context.Context) (t tail, err error) {
	if r.j.options.FilterAtServer {
		return t, nil
	}
	if t.sequence, err = r.j.told(ctx); err != nil || t.sequence == 0 {
		return t, err
	}
	// Most often the last is there. To find the one before, the server goes through all subjects.
	for _, which := range []map[string]any{{"seq": t.sequence}, {"last_by_subj": subject.Stream(r.j.stream).All()}} {
		var found stored
		err = r.j.request(ctx, "read end of "+r.j.stream, "$JS.API.STREAM.MSG.GET."+r.j.stream, which, &found)
		if !errs.Is(err, errs.NotFound) {
			t.message = found.Message.Seq
			return t, err
		}
	}
	return t, nil
}

func (r *reading) create(ctx context.Context, name, inbox string) error {
	config := map[string]any{
		"deliver_policy": "by_start_sequence", "opt_start_seq": r.from,
		"ack_policy": "none", "max_deliver": 1, "replay_policy": "instant", "flow_control": true, "idle_heartbeat": heartbeat,
		"deliver_subject": inbox, "inactive_threshold": 10 * time.Second,
		"mem_storage": true, "num_replicas": 1, "name": name,
	}
	api := "$JS.API.CONSUMER.CREATE." + r.j.stream + "." + name
	if r.serverFilter != "" {
		config["filter_subject"] = r.serverFilter
		api += "." + r.serverFilter
	}
	var made struct{}
	return r.j.request(ctx, "read "+r.j.stream, api, map[string]any{"stream_name": r.j.stream, "config": config}, &made)
}

// consumer is one ephemeral consumer's state.
type consumer struct {
	*reading
	delivered uint64 // the last consumer sequence
	end       tail
}

var errGap = errs.F("read journal", errs.Unavailable, "messages were lost on the way")

// handle passes on what came; an error ends the consumer.
func (c *consumer) handle(ctx context.Context, msgs []*nats.Msg) error {
	batch := make([]Message, 0, min(len(msgs), readBatch))
	through := c.from - 1
	flush := func() error {
		full := batch
		batch = make([]Message, 0, min(len(msgs), readBatch))
		return c.pass(ctx, full, through)
	}
	for _, m := range msgs {
		if len(m.Data) == 0 && m.Header.Get("Status") != "" {
			if err := c.control(m); err != nil {
				_ = flush() // what came before the gap is good
				return err
			}
			continue
		}
		msg, sequence, err := parseDelivery(m)
		if err != nil || sequence != c.delivered+1 {
			_ = flush()
			return errGap
		}
		c.delivered++
		if msg.Sequence <= through {
			continue
		}
		through = msg.Sequence
		if msg.Sequence == c.end.message {
			through = max(through, c.end.sequence)
		}
		if msg.Subject != c.j.fence && matches(c.filters, msg.Subject) {
			batch = append(batch, msg)
		}
		if len(batch) == readBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// pass hands on what is new.
func (c *consumer) pass(ctx context.Context, batch []Message, through uint64) error {
	if through < c.from {
		return nil
	}
	c.from = through + 1
	if err := c.fn(batch, through); err != nil {
		c.failed = err
		return err
	}
	return ctx.Err()
}

// control answers flow control and checks a heartbeat against what was delivered.
func (c *consumer) control(m *nats.Msg) error {
	if m.Header.Get("Status") != "100" {
		return errs.F("read journal", errs.Unavailable, "%s %s", m.Header.Get("Status"), m.Header.Get("Description"))
	}
	if m.Reply != "" {
		return m.Respond(nil)
	}
	if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
		return c.j.nc.Publish(stalled, nil)
	}
	if last := m.Header.Get("Nats-Last-Consumer"); last != "" && last != strconv.FormatUint(c.delivered, 10) {
		return errGap
	}
	return nil
}

// parseDelivery reads $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer
// seq>.<time>.<pending>, from the end, as the front may have a domain.
func parseDelivery(m *nats.Msg) (Message, uint64, error) {
	rest := m.Reply
	var fields [4]uint64 // pending, time, consumer sequence, stream sequence
	for i := range fields {
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 {
			return Message{}, 0, nats.ErrInvalidMsg
		}
		n, err := strconv.ParseUint(rest[dot+1:], 10, 64)
		if err != nil {
			return Message{}, 0, err
		}
		fields[i], rest = n, rest[:dot]
	}
	return Message{Subject: m.Subject, Sequence: fields[3], Time: time.Unix(0, int64(fields[1])).UTC(), Data: m.Data, Pending: fields[0]}, fields[2], nil
}
