package bus

import (
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

// undoTorn deletes the beginning of a batch that a power cut left at the stream's end: staged in
// memory, its rest is gone. Nobody was told of it, nor has read it, as the server shows a batch when it is
// whole. It returns how many messages it deleted; cut short, it goes on at the next start.
func undoTorn(ctx context.Context, js jetstream.JetStream) (int, error) {
	const op = "undo torn batch"
	stream, err := js.Stream(ctx, string(subject.State))
	if err != nil {
		return 0, errs.E(op, errs.Unavailable, err)
	}
	last := stream.CachedInfo().State.LastSeq
	if last == 0 {
		return 0, nil
	}
	m, err := stream.GetMsg(ctx, last)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, errs.E(op, errs.Unavailable, err)
	}
	n, err := strconv.ParseUint(m.Header.Get("Nats-Batch-Sequence"), 10, 64)
	if err != nil || m.Header.Get("Nats-Batch-Commit") != "" {
		return 0, nil
	}
	deleted := 0
	for sequence := last - n + 1; sequence <= last; sequence++ { // the last goes last: it is what tells
		if _, err := stream.GetMsg(ctx, sequence); errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err := stream.DeleteMsg(ctx, sequence); err != nil {
			return 0, errs.E(op, errs.Unavailable, err)
		}
		deleted++
	}
	return deleted, nil
}
