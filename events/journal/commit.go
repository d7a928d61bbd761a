package journal

import (
	"context"
	"sync"
	"time"

	"taffrail.dev/events/errs"
)

// roundTries bounds the repeats of a round.
const roundTries = 6

// commit stores the requests of a round: few of them each on its own, at once; more in
// an atomic batch, out of which those that fail are taken until the rest is stored.
func (j *JetStream) commit(ctx context.Context, round []*request) {
	left := j.refuseTooLarge(round)
	if len(left) == 0 {
		return
	}
	begun := time.Now()
	if !j.pace.batches(len(left)) {
		j.commitEach(ctx, left)
		j.pace.tookEach(len(left), time.Since(begun))
		return
	}
	for try := 1; try <= roundTries && len(left) > 0; try++ {
		if try > 1 {
			if err := pause(ctx, commitPause(try-1)); err != nil {
				break
			}
		}
		left = j.commitBatch(ctx, left)
		if try == 1 && len(left) == 0 {
			j.pace.tookBatch(time.Since(begun))
		}
	}
	// What keeps failing together fails alone, with its own error.
	j.commitEach(ctx, left)
}

// commitEach stores each request on its own, all at once.
func (j *JetStream) commitEach(ctx context.Context, requests []*request) {
	if len(requests) == 1 {
		j.commitOne(ctx, requests[0])
		return
	}
	var wg sync.WaitGroup
	for _, r := range requests {
		wg.Go(func() { j.commitOne(ctx, r) })
	}
	wg.Wait()
}

// commitOne repeats a request that got no answer: its IDs make that safe.
func (j *JetStream) commitOne(ctx context.Context, r *request) {
	for try := 1; ; try++ {
		r.sequences, r.err = j.Append(ctx, r.records...)
		if try == roundTries || r.err == nil || !errs.Is(r.err, errs.Timeout) {
			return
		}
	}
}

func (j *JetStream) refuseTooLarge(round []*request) []*request {
	limit := int(j.nc.MaxPayload()) - 1024 // room for the headers
	left := round[:0:0]
	for _, r := range round {
		for i := range r.records {
			if size := len(r.records[i].Data); size > limit {
				r.err = errs.F(appendOp, errs.TooLarge, "%d bytes are more than the journal takes (%d)", size, limit)
			}
		}
		if r.err == nil {
			left = append(left, r)
		}
	}
	return left
}

// commitBatch stores the requests in one batch, and returns those that are still to be
// stored.
func (j *JetStream) commitBatch(ctx context.Context, requests []*request) []*request {
	records := make([]Record, 0, len(requests)+8)
	for _, r := range requests {
		records = append(records, r.records...)
	}
	if err := j.room(records); err != nil {
		for _, r := range requests {
			r.err = err
		}
		return nil
	}
	a, err := j.sendBatch(ctx, records)
	if err != nil {
		return requests // stored or not: the repeat finds out
	}
	switch a.code() {
	case 0:
		all := sequences(a.Sequence, len(records))
		for _, r := range requests {
			r.sequences, all = all[:len(r.records):len(r.records)], all[len(r.records):]
		}
		return nil
	case codeWrongSequence, codeDuplicateInBatch:
		return j.sortOut(ctx, requests, records)
	case codeSubjectBusy, codeRepeatUnderWay, codeTooManyBatches, codeIncompleteBatch:
		return requests
	}
	for _, r := range requests {
		r.err = a.Error.as(appendOp)
	}
	return nil
}

// sortOut answers the requests of a refused batch that lost a race or are there already,
// and returns the others.
func (j *JetStream) sortOut(ctx context.Context, requests []*request, records []Record) []*request {
	verdicts, err := j.inspect(ctx, records)
	if err != nil {
		return requests
	}
	left := requests[:0:0]
	for _, r := range requests {
		mine := verdicts[:len(r.records)]
		verdicts = verdicts[len(r.records):]
		if !r.judge(mine) {
			left = append(left, r)
		}
	}
	return left
}

// judge settles a request by its records' verdicts; false if nothing stands against it.
func (r *request) judge(verdicts []verdict) bool {
	sequences := make([]uint64, len(verdicts))
	repeats := 0
	for i, v := range verdicts {
		if v.repeatOf != 0 {
			sequences[i] = v.repeatOf
			repeats++
		} else if v.err != nil {
			r.err = v.err
		}
	}
	switch {
	case repeats == len(verdicts):
		r.sequences, r.err = sequences, nil
	case repeats > 0:
		r.err = errs.F(appendOp, errs.Internal, "some of the records were stored before, some not")
	}
	return r.sequences != nil || r.err != nil
}
