package journal

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"taffrail.dev/events/errs"
)

const (
	headerBatchID     = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
	headerTTL         = "Nats-TTL"
	appendOp          = "append to journal"
	// impossible is an expectation that no subject meets; a publish with it stores
	// nothing and is answered with the subject's last sequence.
	impossible = uint64(1) << 62
	// busyTries bounds the repeats of a write whose subject had another one in
	// flight.
	busyTries = 20
)

// ack is the server's answer to a publish.
type ack struct {
	Sequence  uint64    `json:"seq"`
	Duplicate bool      `json:"duplicate"`
	Error     *apiError `json:"error"`
}

func (a ack) code() int {
	if a.Error == nil {
		return 0
	}
	return a.Error.ErrCode
}

// last is the sequence that a wrong-sequence error names.
func (a ack) last() uint64 {
	text, n := a.Error.Description, len(a.Error.Description)
	i := n
	for i > 0 && text[i-1] >= '0' && text[i-1] <= '9' {
		i--
	}
	last, _ := strconv.ParseUint(text[i:], 10, 64)
	return last
}

func message(r Record) *nats.Msg {
	m := &nats.Msg{Subject: r.Subject, Data: r.Data, Header: make(nats.Header, 6)}
	if r.Expect != Any {
		m.Header[nats.ExpectedLastSubjSeqHdr] = []string{strconv.FormatUint(r.Expect, 10)}
	}
	if r.ID != "" {
		m.Header[nats.MsgIdHdr] = []string{r.ID}
	}
	if r.TTL > 0 {
		// The server takes whole seconds, one at least.
		m.Header[headerTTL] = []string{strconv.Itoa(int(max(1, (r.TTL+time.Second-1)/time.Second)))}
	}
	return m
}

// publish sends a message and calls done with its answer, on another goroutine,
// unless forgotten by then.
func (j *JetStream) publish(m *nats.Msg, done func(ack, error)) (reply string, err error) {
	reply, err = j.replies.expect(func(m *nats.Msg) { done(parseAck(m)) })
	if err != nil {
		return "", err
	}
	m.Reply = reply
	if err := j.nc.PublishMsg(m); err != nil {
		j.replies.forget(reply)
		return "", err
	}
	return reply, nil
}

func parseAck(m *nats.Msg) (ack, error) {
	if len(m.Data) == 0 {
		if m.Header.Get("Status") == "503" {
			return ack{}, nats.ErrNoResponders
		}
		return ack{}, nats.ErrInvalidMsg
	}
	var a ack
	err := json.Unmarshal(m.Data, &a)
	return a, err
}

// call publishes a message and waits for its answer.
func (j *JetStream) call(ctx context.Context, m *nats.Msg) (ack, error) {
	type answer struct {
		ack ack
		err error
	}
	answers := make(chan answer, 1)
	reply, err := j.publish(m, func(a ack, err error) { answers <- answer{a, err} })
	if err != nil {
		return ack{}, broken(ctx, appendOp, err)
	}
	timer := time.NewTimer(j.options.Timeout)
	defer timer.Stop()
	select {
	case a := <-answers:
		if a.err != nil {
			return ack{}, broken(ctx, appendOp, a.err)
		}
		return a.ack, nil
	case <-timer.C:
		err = context.DeadlineExceeded
		if j.options.Storage != nil {
			if broken := j.options.Storage.Broken(j.stream); broken != nil {
				j.replies.forget(reply)
				return ack{}, broken
			}
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	j.replies.forget(reply)
	return ack{}, broken(ctx, appendOp, err)
}

// Append stores all records or none.
func (j *JetStream) Append(ctx context.Context, records ...Record) ([]uint64, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if err := distinct(records); err != nil {
		return nil, err
	}
	if err := j.room(records); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		var a ack
		var err error
		if len(records) == 1 {
			a, err = j.call(ctx, message(records[0]))
		} else {
			a, err = j.sendBatch(ctx, records)
		}
		if err != nil {
			return nil, err
		}
		if a.Error == nil {
			return sequences(a.Sequence, len(records)), nil
		}
		got, again, err := j.refused(ctx, records, a)
		if !again || try == busyTries {
			return got, err
		}
		if err := pause(ctx, time.Duration(try)*time.Millisecond); err != nil {
			return nil, errs.E(appendOp, errs.Timeout, err)
		}
	}
}

// room is an error if the records' storage has none for them.
func (j *JetStream) room(records []Record) error {
	if j.options.Storage == nil {
		return nil
	}
	size := 0
	for i := range records {
		size += len(records[i].Subject) + len(records[i].Data)
	}
	return j.options.Storage.Room(j.stream, size)
}

// sequences of a batch: it is isolated, so they follow each other.
func sequences(last uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = last - uint64(n-1-i)
	}
	return out
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *JetStream) sendBatch(ctx context.Context, records []Record) (ack, error) {
	id := nuid.Next()
	for i, r := range records {
		m := message(r)
		m.Header[headerBatchID] = []string{id}
		m.Header[headerBatchSeq] = []string{strconv.Itoa(i + 1)}
		if i == len(records)-1 {
			m.Header[headerBatchCommit] = []string{"1"}
			return j.call(ctx, m)
		}
		if err := j.nc.PublishMsg(m); err != nil {
			return ack{}, broken(ctx, appendOp, err)
		}
	}
	return ack{}, nil
}

// refused explains why the server stored nothing: a conflict, a repeat of records that
// are there already, or (again) something that passes.
func (j *JetStream) refused(ctx context.Context, records []Record, a ack) (got []uint64, again bool, err error) {
	switch a.code() {
	case codeSubjectBusy, codeRepeatUnderWay, codeTooManyBatches:
		return nil, true, errs.F(appendOp, errs.Unavailable, "another write to the subject is under way")
	case codeWrongSequence, codeDuplicateInBatch:
	default:
		return nil, false, a.Error.as(appendOp)
	}
	verdicts, err := j.inspect(ctx, records)
	if err != nil {
		return nil, false, err
	}
	got = make([]uint64, len(records))
	repeats := 0
	for i, v := range verdicts {
		switch {
		case v.err != nil:
			return nil, false, v.err
		case v.repeatOf != 0:
			got[i] = v.repeatOf
			repeats++
		}
	}
	switch repeats {
	case len(records):
		return got, false, nil
	case 0: // whatever it was is over
		return nil, true, errs.F(appendOp, errs.Unavailable, "the subject keeps changing")
	}
	return nil, false, errs.F(appendOp, errs.Internal, "some of the records were stored before, some not")
}
