package bus

import (
	"context"
	"net/http"
	"sync"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

const (
	// commandsAtOnce bounds the commands that one gateway handles at a time,
	// commandsWaiting those that wait for it; more are refused with TooManyRequests.
	commandsAtOnce  = 512
	commandsWaiting = 8192
)

// Handler answers an actor's command: the actor is what the sender's permission let
// it say, {"deployment"} or {"node", "worker-1"}. It must not keep the command.
type Handler func(ctx context.Context, actor []string, c *commandv1.Command) *commandv1.Result

// ServeCommands answers commands, sharing them with the other gateways, until ctx
// ends and every command taken has been answered.
func ServeCommands(ctx context.Context, nc *nats.Conn, handle Handler) error {
	const op = "serve commands"
	queue := make(chan *nats.Msg, commandsWaiting)
	sub, err := nc.QueueSubscribe(subject.Commands(), subject.CommandQueue, func(m *nats.Msg) {
		select {
		case queue <- m:
		default:
			answer(m, refused(http.StatusTooManyRequests, errs.TooManyRequests, "the gateway has too many commands waiting, retry"))
		}
	})
	if err != nil {
		return errs.E(op, errs.Unavailable, err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil { // the queue bounds them, with an answer
		return errs.E(op, errs.Internal, err)
	}
	if err := nc.Flush(); err != nil {
		return errs.E(op, errs.Unavailable, err)
	}
	s := serving{handle: handle, slots: make(chan struct{}, commandsAtOnce)}
	for {
		select {
		case m := <-queue:
			s.start(ctx, m)
		case <-ctx.Done():
			s.close(sub, queue)
			return ctx.Err()
		}
	}
}

type serving struct {
	handle  Handler
	slots   chan struct{}
	running sync.WaitGroup
}

func (s *serving) start(ctx context.Context, m *nats.Msg) {
	s.slots <- struct{}{}
	s.running.Go(func() {
		answer(m, s.do(ctx, m))
		<-s.slots
	})
}

// close stops taking commands, tells those who wait to ask another gateway, and awaits
// those under way.
func (s *serving) close(sub *nats.Subscription, queue chan *nats.Msg) {
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	if err := sub.Drain(); err != nil { // the connection is closed already
		s.running.Wait()
		return
	}
	ending := refused(http.StatusServiceUnavailable, errs.Unavailable, "the gateway is shutting down")
	for open := true; open; {
		select {
		case m := <-queue:
			answer(m, ending)
		case <-closed:
			open = false
		}
	}
	for len(queue) > 0 {
		answer(<-queue, ending)
	}
	s.running.Wait()
}

func (s *serving) do(ctx context.Context, m *nats.Msg) *commandv1.Result {
	if m.Header.Get(commandHeader) == "" {
		return refused(http.StatusBadRequest, errs.BadRequest, "not a command")
	}
	actor, err := subject.ParseCommand(m.Subject)
	if err != nil {
		return refused(http.StatusBadRequest, errs.BadRequest, err.Error())
	}
	c := &commandv1.Command{}
	if err := proto.Unmarshal(m.Data, c); err != nil {
		return refused(http.StatusBadRequest, errs.BadRequest, "malformed command: "+err.Error())
	}
	return s.handle(ctx, actor, c)
}

func refused(code int32, kind errs.Kind, message string) *commandv1.Result {
	return &commandv1.Result{Code: code, Reason: string(kind), Message: message}
}

func answer(m *nats.Msg, r *commandv1.Result) {
	if m.Reply == "" {
		return
	}
	data, err := proto.Marshal(r)
	if err != nil { // text that is not UTF-8
		data, _ = proto.Marshal(refused(http.StatusInternalServerError, errs.Internal, "the answer could not be encoded"))
	}
	_ = m.Respond(data) // the sender's timeout tells it of a broken connection
}
