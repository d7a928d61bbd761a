package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	workers   = 6
	faultTime = 40 * time.Second
	// patience bounds one request, watchPatience the end of it all.
	patience      = 10 * time.Second
	watchPatience = 2 * time.Minute
)

// TestLinearizable writes, reads, lists and watches registers at three gateways on three servers of the journal while
// these are killed and paused, one at a time. There must be one order of all that happened that explains what every
// client saw, and every watch sees each event once, in that order.
func TestLinearizable(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	servers, url := journalServers(t)
	doors := gateways(t, url)
	for _, s := range servers {
		t.Cleanup(s.kill)
		s.start(t)
	}
	for _, g := range doors {
		t.Cleanup(g.kill)
		g.start(t)
	}
	door := client(t, doors[0], patience)
	first := makeRegisters(t, door, doors)

	h := &history{begun: time.Now()}
	var through atomic.Uint64
	watches, watching := startWatches(t, doors, first, through.Load)
	befall(t, rand.New(rand.NewPCG(seed, 0)), servers, doors, func(ctx context.Context) {
		var group sync.WaitGroup
		for i := range workers {
			w := &worker{id: i, random: rand.New(rand.NewPCG(seed, uint64(i+1))), http: client(t, doors[0], patience), gateways: doors, history: h, last: map[string]answered{}}
			group.Go(func() {
				if err := w.run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
	end := h.now()
	through.Store(lastWrite(t, door, doors))
	watching.Wait()
	reference := &watcher{http: client(t, doors[0], 0), gateways: doors, version: first}
	ctx, cancel := context.WithTimeout(t.Context(), watchPatience)
	defer cancel()
	if err := reference.run(ctx, through.Load); err != nil {
		t.Fatal(err)
	}
	check(t, h, reference.events, end)
	for i, w := range watches {
		if !slices.Equal(w.events, reference.events) {
			t.Errorf("watch %d saw %d events, the reference %d: %s", i, len(w.events), len(reference.events), firstDifference(w.events, reference.events))
		}
	}
}

// makeRegisters creates the registers and returns the version before their first change.
func makeRegisters(t *testing.T, door *http.Client, doors []*gateway) (first uint64) {
	t.Helper()
	w := &worker{http: door, gateways: doors[:1], random: rand.New(rand.NewPCG(0, 0))}
	for i := range registers {
		body := map[string]any{"metadata": map[string]any{"name": fmt.Sprintf("register-%d", i), "labels": map[string]string{label: ""}}}
		var made struct {
			Metadata struct{ ResourceVersion string }
		}
		if _, err := w.ask(t.Context(), http.MethodPost, mapsPath, "application/json", body, &made); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(made.Metadata.ResourceVersion, &first); err != nil {
			t.Fatal(err)
		}
	}
	return first
}

// lastWrite is the version of a write after which nothing comes. The journal may yet be looking for a leader.
func lastWrite(t *testing.T, door *http.Client, doors []*gateway) uint64 {
	t.Helper()
	h := &history{begun: time.Now()}
	w := &worker{id: workers, http: door, gateways: doors[:1], history: h, random: rand.New(rand.NewPCG(0, 0)), last: map[string]answered{}}
	for h.newest() == 0 {
		if err := w.write(t.Context(), asked{verb: write, name: "register-0", content: w.content()}); err != nil || time.Since(h.begun) > time.Minute {
			t.Fatalf("nothing can be written any more: %v", err)
		}
	}
	return h.newest()
}

// startWatches has one watch begin at each gateway.
func startWatches(t *testing.T, doors []*gateway, from uint64, through func() uint64) (watches []*watcher, running *sync.WaitGroup) {
	t.Helper()
	running = &sync.WaitGroup{}
	ctx, cancel := context.WithTimeout(context.Background(), faultTime+watchPatience)
	t.Cleanup(cancel)
	for i := range doors {
		w := &watcher{http: client(t, doors[0], 0), gateways: append(slices.Clone(doors[i:]), doors[:i]...), version: from}
		watches = append(watches, w)
		running.Go(func() {
			if err := w.run(ctx, through); err != nil {
				t.Error(err)
			}
		})
	}
	return watches, running
}

// befall has faults happen while work runs, and all parts back in the end.
func befall(t *testing.T, random *rand.Rand, servers []*part, doors []*gateway, work func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultTime)
	defer cancel()
	done := make(chan struct{})
	go func() {
		work(ctx)
		close(done)
	}()
	parts := slices.Clone(servers)
	for _, g := range doors {
		parts = append(parts, g.part)
	}
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		wait(time.Duration(500+random.IntN(1500)) * time.Millisecond)
		if ctx.Err() != nil {
			break
		}
		p, length := parts[random.IntN(len(parts))], time.Duration(200+random.IntN(2500))*time.Millisecond
		if random.IntN(2) == 0 {
			t.Logf("kill %s for %v", p.name, length)
			p.kill()
			wait(length)
			p.start(t)
		} else {
			t.Logf("pause %s for %v", p.name, length)
			p.signal(syscall.SIGSTOP)
			wait(length)
			p.signal(syscall.SIGCONT)
		}
	}
	<-done
}

// check holds what clients saw against the order of all events.
func check(t *testing.T, h *history, events []told, end int64) {
	t.Helper()
	written := map[string]uint64{}
	for _, e := range events {
		written[e.content] = e.version
	}
	lost := 0
	for _, o := range h.operations {
		in, out := o.Input.(asked), o.Output.(answered)
		if out.unknown {
			lost++
		} else if in.verb != read && !out.conflict && written[in.content] != out.version {
			t.Errorf("%s was acknowledged at %d and is at %d", in.content, out.version, written[in.content])
		}
	}
	for _, l := range h.listings {
		checkListing(t, l, events)
	}
	operations := settled(h.operations, written, end)
	t.Logf("%d operations, %d without an answer, %d lists, %d events", len(h.operations), lost, len(h.listings), len(events))
	if len(operations) < 1000 || len(h.listings) < 50 {
		t.Error("too little came about for a test")
	}
	if result := porcupine.CheckOperationsTimeout(register, operations, time.Minute); result != porcupine.Ok {
		t.Errorf("no one order explains what clients saw: %s\n%s", result, explain(operations, events))
	}
}

// checkListing wants a list to be the registers as of its version, and no older than what was known before.
func checkListing(t *testing.T, l listing, events []told) {
	t.Helper()
	if l.version < l.known {
		t.Errorf("a list at %d, when %d was known", l.version, l.known)
	}
	want := map[string]answered{}
	for _, e := range events {
		if e.version <= l.version {
			want[e.name] = e.answered
		}
	}
	for name, w := range want {
		if got := l.items[name]; got != w {
			t.Errorf("a list at %d has %s as %+v, which was %+v", l.version, name, got, w)
		}
	}
}

func firstDifference(a, b []told) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("the %dth is %+v, want %+v", i, a[i], b[i])
		}
	}
	return "one ends before the other"
}
