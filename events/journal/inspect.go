package journal

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"

	"taffrail.dev/events/errs"
)

// verdict says what stands against one record of a refused append.
type verdict struct {
	// repeatOf is the sequence under which the record was stored before; 0 if it was
	// not.
	repeatOf uint64
	// err is the conflict, nil if the record's expectation holds.
	err error
}

// inspect looks at what a refused append's subjects have. The server names neither
// the record that failed nor, for a record with an expectation, a repeat: a first attempt that
// succeeded makes its own repeat look like a conflict. The first message after the expected one
// tells them apart.
func (j *JetStream) inspect(ctx context.Context, records []Record) ([]verdict, error) {
	lasts, err := j.probe(ctx, records)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(records))
	for i, r := range records {
		if lasts[i] == r.Expect {
			continue
		}
		after := r.Expect
		if after == Any {
			if r.ID == "" || lasts[i] == 0 {
				continue
			}
			after = lasts[i] - 1
		}
		if r.ID != "" && after < lasts[i] {
			id, sequence, err := j.next(ctx, r.Subject, after)
			if err != nil {
				return nil, err
			}
			if id == r.ID {
				verdicts[i].repeatOf = sequence
				continue
			}
		}
		if r.Expect != Any {
			verdicts[i].err = errs.E(appendOp, errs.Conflict, &Conflict{r.Subject, r.Expect, lasts[i]})
		}
	}
	return verdicts, nil
}

// probe is the last sequences of the records' subjects, as the stream's leader has
// them: each is asked for by a publish that cannot succeed.
func (j *JetStream) probe(ctx context.Context, records []Record) ([]uint64, error) {
	type answer struct {
		i   int
		ack ack
		err error
	}
	answers := make(chan answer, len(records))
	pending := make([]string, 0, len(records))
	defer func() {
		for _, reply := range pending {
			j.replies.forget(reply)
		}
	}()
	for i, r := range records {
		m := &nats.Msg{Subject: r.Subject, Header: nats.Header{
			nats.ExpectedLastSubjSeqHdr: []string{strconv.FormatUint(impossible, 10)},
		}}
		reply, err := j.publish(m, func(a ack, err error) { answers <- answer{i, a, err} })
		if err != nil {
			return nil, broken(ctx, appendOp, err)
		}
		pending = append(pending, reply)
	}
	ctx, cancel := context.WithTimeout(ctx, j.options.Timeout)
	defer cancel()
	lasts := make([]uint64, len(records))
	for range records {
		select {
		case <-ctx.Done():
			return nil, broken(ctx, appendOp, ctx.Err())
		case a := <-answers:
			switch {
			case a.err != nil:
				return nil, broken(ctx, appendOp, a.err)
			case a.ack.code() == codeWrongSequence:
				lasts[a.i] = a.ack.last()
			case a.ack.code() == codeSubjectBusy: // not known yet: as expected
				lasts[a.i] = records[a.i].Expect
			case a.ack.Error != nil:
				return nil, a.ack.Error.as(appendOp)
			}
		}
	}
	return lasts, nil
}
