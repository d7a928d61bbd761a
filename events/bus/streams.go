package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

// Snapshots is the name of the Object Store bucket of snapshots.
const Snapshots = "snapshots"

// Streams is every stream of the journal as data. Replicas is 1, or 3 on a cluster of
// servers.
func Streams(replicas int) []jetstream.StreamConfig {
	streams := []jetstream.StreamConfig{
		{
			Name: string(subject.State), Description: "every durable API object's events, in one order",
			Storage: jetstream.FileStorage, Duplicates: time.Minute,
		},
		{
			Name: string(subject.Leases), Description: "heartbeats and leader locks, the last of each",
			Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, Duplicates: 10 * time.Second,
		},
		{
			Name: string(subject.Events), Description: "Kubernetes Event objects",
			Storage: jetstream.FileStorage, MaxAge: 7 * 24 * time.Hour, AllowMsgTTL: true, Duplicates: 10 * time.Second,
		},
		{
			Name: string(subject.Assign), Description: "what each node has to know, the last of each",
			Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 1, AllowMsgTTL: true, Duplicates: 10 * time.Second,
		},
		{
			Name: string(subject.Audit), Description: "refusals and checkpoints, for ever",
			Storage: jetstream.FileStorage, DenyDelete: true, DenyPurge: true, Duplicates: time.Minute,
		},
	}
	for i := range streams {
		s := &streams[i]
		s.Subjects = []string{subject.Stream(s.Name).All()}
		s.Replicas = replicas
		s.Retention = jetstream.LimitsPolicy
		s.Discard = jetstream.DiscardOld
		s.AllowDirect = true
		s.AllowAtomicPublish = true
		s.AllowRollup = !s.DenyPurge // of fences
		s.MaxConsumers = -1
		s.MaxMsgs, s.MaxBytes, s.MaxMsgSize = -1, -1, maxMessage
		if s.MaxMsgsPerSubject == 0 {
			s.MaxMsgsPerSubject = -1
		}
	}
	return streams
}

const (
	// leaderPatience is how long a cluster of servers may take to agree on who leads, as it does when it starts.
	leaderPatience = time.Minute
	leaderPause    = 200 * time.Millisecond
)

// createSoon is create, again while the servers have no leader.
func createSoon(ctx context.Context, js jetstream.JetStream, replicas int) error {
	deadline := time.Now().Add(leaderPatience)
	for {
		err := create(ctx, js, replicas)
		if err == nil || !leaderless(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return err
		}
	}
}

// leaderless says whether an error is what servers without a leader answer, or do not.
func leaderless(err error) bool {
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		return refused.Code == 503
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout)
}

// create makes the streams and the bucket, or brings them up to date.
func create(ctx context.Context, js jetstream.JetStream, replicas int) error {
	const op = "create streams"
	for _, config := range Streams(replicas) {
		if _, err := js.CreateOrUpdateStream(ctx, config); err != nil {
			return errs.F(op, errs.Unavailable, "stream %s: %w", config.Name, err)
		}
	}
	_, err := js.ObjectStore(ctx, Snapshots)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: Snapshots, Description: "state of a stream at a sequence", Storage: jetstream.FileStorage, Replicas: replicas,
		})
	}
	if err != nil {
		return errs.F(op, errs.Unavailable, "bucket %s: %w", Snapshots, err)
	}
	return nil
}
