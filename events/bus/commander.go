package bus

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

const (
	commandOp = "send command"
	// commandHeader marks a command. What JetStream or a gateway sends to a reply
	// subject has no such header, so nobody can have an answer taken for another's command.
	commandHeader = "Taffrail-Command"
	// commandTimeout of one try; the gateway's own limits are shorter.
	commandTimeout = 30 * time.Second
	// absentTries bounds the repeats while no gateway listens.
	absentTries = 6
)

type commander struct {
	nc      *nats.Conn
	subject string
}

var _ process.Commander = (*commander)(nil)

// NewCommander sends an actor's commands to the gateways: NewCommander(nc,
// "deployment"), NewCommander(nc, subject.NodeActor, node).
func NewCommander(nc *nats.Conn, actor ...string) process.Commander {
	return &commander{nc: nc, subject: subject.Command(actor...)}
}

// Do sends a command. While no gateway listens it waits and repeats, for about three
// seconds, then fails with errs.Unavailable.
func (c *commander) Do(ctx context.Context, command *commandv1.Command) (*commandv1.Result, error) {
	data, err := proto.Marshal(command)
	if err != nil {
		return nil, errs.E(commandOp, errs.Invalid, err)
	}
	m := &nats.Msg{Subject: c.subject, Data: data, Header: nats.Header{commandHeader: []string{"1"}}}
	wait := 50 * time.Millisecond
	for try := 1; ; try++ {
		result, err := c.once(ctx, m)
		if !errors.Is(err, nats.ErrNoResponders) || try == absentTries {
			return result, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, errs.E(commandOp, errs.Timeout, ctx.Err())
		}
		wait *= 2
	}
}

func (c *commander) once(ctx context.Context, m *nats.Msg) (*commandv1.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	answer, err := c.nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, errs.F(commandOp, errs.Unavailable, "no gateway is ready: %w", err)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, errs.E(commandOp, errs.TooLarge, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, nats.ErrTimeout):
		return nil, errs.F(commandOp, errs.Timeout, "no answer from the gateway: %w", err)
	case err != nil:
		return nil, errs.E(commandOp, errs.Unavailable, err)
	}
	result := &commandv1.Result{}
	if err := proto.Unmarshal(answer.Data, result); err != nil {
		return nil, errs.E(commandOp, errs.Internal, err)
	}
	return result, refusal(result)
}

// refusal is the error that a result tells, nil for a success.
func refusal(r *commandv1.Result) error {
	if r.GetCode() == 0 || r.GetCode()/100 == 2 {
		return nil
	}
	kind := errs.Kind(r.GetReason())
	if kind == "" {
		kind = kindOf(int(r.GetCode()))
	}
	message := r.GetMessage()
	if message == "" {
		message = http.StatusText(int(r.GetCode()))
	}
	return errs.F(commandOp, kind, "%s", message)
}

// kindOf a code that came without a reason.
func kindOf(code int) errs.Kind {
	switch code {
	case http.StatusBadRequest:
		return errs.BadRequest
	case http.StatusUnauthorized:
		return errs.Unauthorized
	case http.StatusForbidden:
		return errs.Forbidden
	case http.StatusNotFound:
		return errs.NotFound
	case http.StatusConflict:
		return errs.Conflict
	case http.StatusGone:
		return errs.Expired
	case http.StatusRequestEntityTooLarge:
		return errs.TooLarge
	case http.StatusUnprocessableEntity:
		return errs.Invalid
	case http.StatusTooManyRequests:
		return errs.TooManyRequests
	case http.StatusServiceUnavailable:
		return errs.Unavailable
	case http.StatusGatewayTimeout:
		return errs.Timeout
	}
	return errs.Internal
}
