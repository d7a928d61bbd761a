package rest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// bodyRate is the bytes a second that a body has to come at after Config.BodyGrace, on average.
const bodyRate = 16 << 10

// patient is a ResponseWriter that does not wait for ever for a client that does not read: a write or flush that takes
// longer than its patience is broken off, and with it the answer.
type patient struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	timer    *time.Timer

	mu   sync.Mutex // guards over
	over bool       // the writer may no longer be touched
}

var _ http.Flusher = (*patient)(nil)

func newPatient(w http.ResponseWriter, patience time.Duration) *patient {
	return &patient{ResponseWriter: w, control: http.NewResponseController(w), patience: patience}
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *patient) Write(b []byte) (int, error) {
	p.begin()
	defer p.timer.Stop()
	return p.ResponseWriter.Write(b)
}

// Flush implements http.Flusher; what it cannot send the next Write reports.
func (p *patient) Flush() {
	p.begin()
	defer p.timer.Stop()
	_ = p.control.Flush()
}

func (p *patient) begin() {
	if p.timer == nil {
		p.timer = time.AfterFunc(p.patience, p.lose)
		return
	}
	p.timer.Reset(p.patience)
}

// lose breaks off the write that waits, and all that come.
func (p *patient) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		_ = p.control.SetWriteDeadline(time.Unix(1, 0)) // a writer without deadlines is one of a test
	}
}

// end is called before the writer's request ends, which may have something left to write.
func (p *patient) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over = true; p.timer != nil {
		p.timer.Stop()
		_ = p.control.SetWriteDeadline(time.Now().Add(p.patience))
	}
}

// unlimited takes away the time that the server gives to an answer, for those that last.
func unlimited(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // a writer without deadlines is one of a test
}

// pressed is a request's body that has to come at a rate.
type pressed struct {
	from    io.Reader
	control *http.ResponseController
	began   time.Time
	grace   time.Duration
	read    int64
	until   time.Time
}

func (p *pressed) Read(b []byte) (int, error) {
	due := p.began.Add(p.grace + time.Duration(p.read)*time.Second/bodyRate)
	if due.Sub(p.until) > p.grace/4 {
		p.until = due
		_ = p.control.SetReadDeadline(due) // a writer without deadlines is one of a test
	}
	n, err := p.from.Read(b)
	p.read += int64(n)
	return n, err
}

// release lets the connection wait for its next request as long as it likes.
func (p *pressed) release() { _ = p.control.SetReadDeadline(time.Time{}) }

// broken is what a client is told whose body did not come.
func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return apierrors.NewTimeoutError("the body came too slowly", 0)
	}
	return apierrors.NewBadRequest("the body ended early: " + err.Error())
}
