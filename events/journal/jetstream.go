package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

// JetStream is a stream of a NATS server. The stream exists already and has atomic
// publishing and direct gets on (package bus makes it so).
type JetStream struct {
	nc      *nats.Conn
	stream  string
	fence   string // the subject of fences
	options Options
	replies replies
	pace    *pace
}

var _ Journal = (*JetStream)(nil)

// Options vary a JetStream journal.
type Options struct {
	// FilterAtServer makes Read leave filtering to the server: less traffic for a
	// reader of little, and the only way for one that may not read all. Takes at most one filter.
	FilterAtServer bool
	// Fence makes Last append to learn. A stream of several replicas needs it: a server that leads it no
	// more, and has not noticed, tells an older last sequence.
	Fence bool
	// Timeout of one request to the server; 0 is 10 s.
	Timeout time.Duration
	// Storage is that of a server in this process; nil if it is elsewhere or in memory.
	Storage Storage
}

// Storage is where a server keeps streams.
type Storage interface {
	// Room is nil if so many bytes may be appended to the stream, else an errs.Unavailable that says why not.
	Room(stream string, bytes int) error
	// Broken is why the stream takes no writes until its server is started again; nil if it is
	// not known to be so. It is asked when the server gave no answer.
	Broken(stream string) error
}

// NewJetStream is the journal of a stream over a connection that the caller keeps
// open. Close it before the connection.
func NewJetStream(nc *nats.Conn, stream string, options Options) *JetStream {
	if options.Timeout == 0 {
		options.Timeout = 10 * time.Second
	}
	return &JetStream{
		nc: nc, stream: stream, fence: subject.Stream(stream).Fence(), options: options, replies: replies{nc: nc}, pace: newPace(),
	}
}

// Close gives up the journal's subscription.
func (j *JetStream) Close() { j.replies.close() }

// request asks the JetStream API.
func (j *JetStream) request(ctx context.Context, op, subject string, body any, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return errs.E(op, errs.Internal, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, j.options.Timeout)
	defer cancel()
	m, err := j.nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return broken(ctx, op, err)
	}
	var failed struct{ Error *apiError }
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return errs.E(op, errs.Internal, err)
	}
	if failed.Error != nil {
		return failed.Error.as(op)
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		return errs.E(op, errs.Internal, err)
	}
	return nil
}

// Last is the sequence of the stream's last message.
func (j *JetStream) Last(ctx context.Context) (uint64, error) {
	if j.options.Fence {
		return j.appendFence(ctx)
	}
	return j.told(ctx)
}

// appendFence takes a new position on the stream, in place of the last one taken.
func (j *JetStream) appendFence(ctx context.Context) (uint64, error) {
	a, err := j.call(ctx, &nats.Msg{Subject: j.fence, Header: nats.Header{nats.MsgRollup: {nats.MsgRollupSubject}}})
	if err != nil {
		return 0, err
	}
	if a.Error != nil {
		return 0, a.Error.as("fence journal")
	}
	return a.Sequence, nil
}

// told is the last sequence by the word of the server that leads the stream, or led it.
func (j *JetStream) told(ctx context.Context) (uint64, error) {
	var info struct {
		State struct {
			LastSeq uint64 `json:"last_seq"`
		}
	}
	err := j.request(ctx, "read last sequence of "+j.stream, "$JS.API.STREAM.INFO."+j.stream, nil, &info)
	return info.State.LastSeq, err
}

// Get is the message of a sequence.
func (j *JetStream) Get(ctx context.Context, sequence uint64) (Message, error) {
	return j.direct(ctx, "$JS.API.DIRECT.GET."+j.stream, fmt.Appendf(nil, `{"seq":%d}`, sequence))
}

// GetLast is a subject's last message.
func (j *JetStream) GetLast(ctx context.Context, subject string) (Message, error) {
	return j.direct(ctx, "$JS.API.DIRECT.GET."+j.stream+"."+subject, nil)
}

func (j *JetStream) direct(ctx context.Context, subject string, body []byte) (Message, error) {
	const op = "get from journal"
	ctx, cancel := context.WithTimeout(ctx, j.options.Timeout)
	defer cancel()
	m, err := j.nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return Message{}, broken(ctx, op, err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
	case "404":
		return Message{}, errs.F(op, errs.NotFound, "no such message in %s", j.stream)
	default:
		return Message{}, errs.F(op, errs.Internal, "%s: %s %s", j.stream, status, m.Header.Get("Description"))
	}
	var out Message
	if _, err := fmt.Sscan(m.Header.Get("Nats-Sequence"), &out.Sequence); err != nil {
		return Message{}, errs.E(op, errs.Internal, err)
	}
	if out.Time, err = time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp")); err != nil {
		return Message{}, errs.E(op, errs.Internal, err)
	}
	out.Subject, out.Data = m.Header.Get("Nats-Subject"), m.Data
	return out, nil
}

// stored is a message as the leader of the stream has it.
type stored struct {
	Message struct {
		Seq     uint64 `json:"seq"`
		Subject string `json:"subject"`
		Headers []byte `json:"hdrs"`
	} `json:"message"`
}

// next is the id and the sequence of the first message of a subject after a
// sequence; 0 if there is none.
func (j *JetStream) next(ctx context.Context, subject string, after uint64) (string, uint64, error) {
	var found stored
	body := map[string]any{"seq": after + 1, "next_by_subj": subject}
	err := j.request(ctx, "look up repeat", "$JS.API.STREAM.MSG.GET."+j.stream, body, &found)
	if errs.Is(err, errs.NotFound) {
		return "", 0, nil
	}
	if err != nil || len(found.Message.Headers) == 0 {
		return "", found.Message.Seq, err
	}
	header, err := nats.DecodeHeadersMsg(found.Message.Headers)
	if err != nil {
		return "", 0, errs.E("look up repeat", errs.Internal, err)
	}
	return header.Get(nats.MsgIdHdr), found.Message.Seq, nil
}

// apiError is the server's error.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// The server's error codes that decide something here.
const (
	codeWrongSequence     = 10071
	codeSubjectBusy       = 10164
	codeNoMessage         = 10037
	codeIncompleteBatch   = 10176
	codeDuplicateInBatch  = 10201
	codeRepeatUnderWay    = 10158
	codeTooManyBatches    = 10210
	codeStoreFailed       = 10077
	codeMessageTooLarge   = 10054
	codeStorageExceeded   = 10047
	codeNoResources       = 10023
	codeAccountExceeded   = 10002
	codeNoStream          = 10059
	codeLeadershipUnknown = 10008
)

func (e *apiError) as(op string) error {
	switch e.ErrCode {
	case codeNoMessage, codeNoStream:
		return errs.F(op, errs.NotFound, "%s", e.Description)
	case codeStoreFailed, codeStorageExceeded, codeNoResources, codeAccountExceeded:
		return errs.F(op, errs.Unavailable, "the journal's storage takes no more writes (disk full or limit reached): %s", e.Description)
	case codeMessageTooLarge:
		return errs.F(op, errs.TooLarge, "%s", e.Description)
	}
	if e.Code >= 500 {
		return errs.F(op, errs.Unavailable, "%s (%d)", e.Description, e.ErrCode)
	}
	return errs.F(op, errs.Internal, "%s (%d)", e.Description, e.ErrCode)
}

// broken is the error of a request that got no answer.
func broken(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return errs.E(op, errs.Timeout, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return errs.F(op, errs.Timeout, "the journal did not answer in time")
	case errors.Is(err, nats.ErrNoResponders):
		return errs.F(op, errs.Unavailable, "no server of the journal answers")
	case errors.Is(err, nats.ErrMaxPayload):
		return errs.E(op, errs.TooLarge, err)
	}
	return errs.E(op, errs.Unavailable, err)
}
