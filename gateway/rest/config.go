package rest

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/flow"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Config of a Server.
type Config struct {
	Kinds    []*kind.Kind
	View     *view.View
	Journals map[subject.Stream]journal.Journal
	// Defining is the resource whose objects define kinds that Change brings; the zero Resource for none.
	Defining subject.Resource
	// Admission runs in order, after defaulting and before validation.
	Admission []admission.Plugin

	// Refused is told of every write that admission refused, as an event without state; nil for nobody. It must not block.
	Refused func(*eventv1.Event)

	// Authenticate names the user of a request; an error is answered with 401 unless it
	// is a Status of its own. nil lets everybody in as system:admin, for tests.
	Authenticate func(*http.Request) (kind.User, error)
	// Authorize decides about every request; nil allows all.
	Authorize access.Authorize
	// NonResource serves every path that is not a resource's: discovery, OpenAPI, health, metrics.
	NonResource http.Handler

	// Door bounds the requests under way, watches that have started and connections excepted; what it refuses is
	// answered with 429. nil is one of 2048 seats without objects.
	Door *flow.Door
	// MaxBody bounds a request's body in bytes; 0 is 3 MiB.
	MaxBody int64
	// Timeout bounds a request that is not a watch or connection; 0 is 60 s.
	Timeout time.Duration

	// BodyGrace is how long a body may take before it has to come at a rate of 16 KiB/s; 0 is 5 s.
	BodyGrace time.Duration
	// Patience is how long a write waits for a client that does not read; 0 is 30 s.
	Patience time.Duration

	// Now is the clock; nil is time.Now.
	Now     func() time.Time
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

func (c *Config) validate() error {
	if c.View == nil || len(c.Kinds) == 0 {
		return errors.New("rest: View and Kinds are needed")
	}
	for _, k := range c.Kinds {
		if k.Review == nil && c.Journals[k.Stream()] == nil {
			return errors.New("rest: no journal for " + k.Resource)
		}
	}
	if c.Door == nil {
		c.Door = flow.New(flow.Config{})
	}
	if c.MaxBody == 0 {
		c.MaxBody = 3 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.BodyGrace == 0 {
		c.BodyGrace = 5 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.NonResource == nil {
		c.NonResource = http.NotFoundHandler()
	}
	return nil
}
