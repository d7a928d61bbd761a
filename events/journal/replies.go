package journal

import (
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// replies takes the answers to many requests under way on one subscription.
type replies struct {
	nc *nats.Conn

	mu      sync.Mutex
	sub     *nats.Subscription
	prefix  string
	next    uint64
	pending map[string]func(*nats.Msg)
}

// expect registers fn for one answer and returns the subject to answer to. fn runs on
// the subscription's goroutine and must not block.
func (r *replies) expect(fn func(*nats.Msg)) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub == nil {
		prefix := r.nc.NewInbox() + "."
		sub, err := r.nc.Subscribe(prefix+"*", r.take)
		if err != nil {
			return "", err
		}
		if err := sub.SetPendingLimits(-1, -1); err != nil {
			return "", err
		}
		r.sub, r.prefix, r.pending = sub, prefix, map[string]func(*nats.Msg){}
	}
	r.next++
	token := strconv.FormatUint(r.next, 36)
	r.pending[token] = fn
	return r.prefix + token, nil
}

func (r *replies) take(m *nats.Msg) {
	token := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	r.mu.Lock()
	fn := r.pending[token]
	delete(r.pending, token)
	r.mu.Unlock()
	if fn != nil {
		fn(m)
	}
}

// forget drops an answer that is no longer waited for.
func (r *replies) forget(subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, subject[strings.LastIndexByte(subject, '.')+1:])
}

func (r *replies) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub != nil {
		_ = r.sub.Unsubscribe() // fails only on a closed connection
		r.sub = nil
	}
}
