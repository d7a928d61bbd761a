package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

var web = Frontend{TCP, netip.MustParseAddr("10.96.0.10"), 80}

// following runs a proxy over a fake that serves something of an earlier process.
func following(t *testing.T) (*Proxy, *Fake) {
	plane := new(Fake)
	if err := plane.Update(t.Context(), []Server{{Frontend: Frontend{TCP, netip.Addr{}, 30001}}, {Frontend: web}}); err != nil {
		t.Fatal(err)
	}
	p := New(Config{Node: "here", Dataplane: plane, Metrics: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p, plane
}

func hand(t *testing.T, p *Proxy, lines ...string) {
	for _, line := range lines {
		p.Apply(assignment(t, strings.Fields(line)))
	}
}

// settle waits until the dataplane is as everything handed over says.
func settle(t *testing.T, p *Proxy) {
	t.Helper()
	done := make(chan struct{})
	p.Synced(func() { close(done) })
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the proxy does not settle")
	}
}

func TestNothingIsTouchedBeforeTheMark(t *testing.T) {
	t.Parallel()
	p, plane := following(t)
	hand(t, p, "service default/web clusterIP=10.96.0.10 ports=http:80")
	p.Mark(func(*eventv1.ObjectRef) bool {
		if _, ok := plane.Served(Frontend{TCP, netip.Addr{}, 30001}); !ok {
			t.Error("pruned before the mark")
		}
		return true
	})
	settle(t, p)
	if _, ok := plane.Served(Frontend{TCP, netip.Addr{}, 30001}); ok {
		t.Error("what nobody wants is still served")
	}
}

func TestMarkForgetsWhatIsDenied(t *testing.T) {
	t.Parallel()
	p, plane := following(t)
	hand(t, p, "service default/web clusterIP=10.96.0.10 ports=http:80", "slice default/web-1 service=web ports=http:8080 10.244.0.5@here")
	p.Mark(nil)
	settle(t, p)
	if s, ok := plane.Served(web); !ok || len(s.Backends) != 1 {
		t.Fatalf("served: %v", s)
	}
	p.Mark(func(ref *eventv1.ObjectRef) bool { return ref.GetResource() != subject.EndpointSlices.Name })
	settle(t, p)
	if s, ok := plane.Served(web); !ok || len(s.Backends) != 0 {
		t.Fatalf("served: %v", s)
	}
	p.Mark(func(*eventv1.ObjectRef) bool { return false })
	settle(t, p)
	if s, ok := plane.Served(web); ok {
		t.Fatalf("served: %v", s)
	}
}

func TestFailuresAreRetried(t *testing.T) {
	t.Parallel()
	p, plane := following(t)
	plane.SetFail(errors.New("the kernel is busy"))
	hand(t, p, "service default/web clusterIP=10.96.0.10 ports=http:81")
	p.Mark(nil)
	other := web
	other.Port = 81
	if _, ok := plane.Served(other); ok {
		t.Fatal("served in spite of the failure")
	}
	plane.SetFail(nil)
	settle(t, p)
	if _, ok := plane.Served(other); !ok {
		t.Fatal("not served after the failure")
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, services := range []int{1_000, 10_000} {
		s := newState("here")
		for i := range services {
			fold(b, s, i, 0)
		}
		change := s.turn()
		s.table.updated(change.Update)
		b.Run(fmt.Sprintf("full/%d", services), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.table.forget()
				s.table.updated(s.table.diff().Update)
			}
		})
		b.Run(fmt.Sprintf("one of %d", services), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				fold(b, s, i%services, i/services%2+1)
				if change := s.turn(); len(change.Update) != 1 {
					b.Fatal(change)
				} else {
					s.table.updated(change.Update)
				}
			}
		})
	}
}

// fold hands over a service of ten endpoints, one of which is as variant says.
func fold(b *testing.B, s *state, i, variant int) {
	slice := fmt.Sprintf("slice default/s%d-1 service=s%d ports=:8080", i, i)
	for e := range 9 {
		slice += fmt.Sprintf(" 10.244.%d.%d@there", e, i%250+1)
	}
	slice += fmt.Sprintf(" 10.245.%d.%d@there", variant, i%250+1)
	for _, line := range []string{fmt.Sprintf("service default/s%d clusterIP=10.%d.%d.%d ports=:80", i, 96+i/65536, i/256%256, i%256), slice} {
		if err := s.apply(assignment(b, strings.Fields(line))); err != nil {
			b.Fatal(err)
		}
	}
}
