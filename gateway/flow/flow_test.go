package flow

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
)

// objects are a kind.Reader of what Objects makes, and of more.
type objects []kind.Object

func (o objects) Get(subject.Resource, string, string) (kind.Object, bool) { return nil, false }

func (o objects) List(r subject.Resource, _ string) (out []kind.Object) {
	for _, obj := range append(Objects(), o...) {
		if _, level := obj.(*flowcontrolv1.PriorityLevelConfiguration); level == (r == Levels) {
			out = append(out, obj)
		}
	}
	return out
}

func person(name string, groups ...string) kind.User {
	return kind.User{Name: name, Groups: append(groups, "system:authenticated")}
}

func lease(u kind.User) *access.Attributes {
	return &access.Attributes{User: u, Verb: "update", APIGroup: "coordination.k8s.io", APIVersion: "v1", Resource: "leases", Namespace: "kube-node-lease", Name: "a"}
}

func pods(u kind.User, verb string) *access.Attributes {
	return &access.Attributes{User: u, Verb: verb, APIVersion: "v1", Resource: "pods", Namespace: "shop"}
}

func TestFind(t *testing.T) {
	t.Parallel()
	d := New(Config{Objects: objects{}})
	account := person("system:serviceaccount:shop:till", "system:serviceaccounts", "system:serviceaccounts:shop")
	system := person("system:serviceaccount:kube-system:job-controller", "system:serviceaccounts")
	for _, c := range []struct {
		a    *access.Attributes
		want string
	}{
		{pods(person("root", "system:masters"), "list"), "exempt exempt"},
		{&access.Attributes{User: person("x"), Verb: "get", Path: "/readyz"}, "probes exempt"},
		{&access.Attributes{User: person("x"), Verb: "get", Path: "/readyz/folds"}, "global-default global-default"},
		{lease(access.NodeUser("a")), "system-node-high node-high"},
		{&access.Attributes{User: access.NodeUser("a"), Verb: "patch", Resource: "nodes", Subresource: "status", Name: "a"}, "system-node-high node-high"},
		{pods(access.NodeUser("a"), "list"), "system-nodes system"},
		{lease(person("system:kube-scheduler")), "system-leader-election leader-election"},
		{lease(system), "system-leader-election leader-election"},
		{pods(system, "list"), "kube-system-service-accounts workload-high"},
		{pods(account, "list"), "service-accounts workload-low"},
		{pods(access.ServiceUser("deployment"), "create"), "taffrail-services workload-high"},
		{pods(person("x"), "list"), "global-default global-default"},
		{pods(kind.User{Name: "nobody"}, "list"), "catch-all catch-all"},
	} {
		s := d.Find(c.a)
		if got := s.Name() + " " + s.Level(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.a.User.Name, c.a.Verb, got, c.want)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	have := objects{}
	d := New(Config{Objects: &have, Seats: 100})
	asked := pods(person("mallory"), "list")
	if got := d.Find(asked).Level(); got != "global-default" {
		t.Fatal(got)
	}
	jail := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: objectMeta("jail")}
	jail.Spec.Type = flowcontrolv1.PriorityLevelEnablementLimited
	jail.Spec.Limited = &flowcontrolv1.LimitedPriorityLevelConfiguration{
		NominalConcurrencyShares: new(int32), BorrowingLimitPercent: new(int32),
		LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
	}
	l := layoutSchema{Name: "jail", Level: "jail", Precedence: 3, Users: []string{"mallory"}}
	have = append(have, l.object())
	d.Changed(subject.Object{})
	if got := d.Find(asked).Level(); got != "global-default" {
		t.Errorf("a schema without its level took a request: %s", got)
	}
	have = append(have, jail)
	d.Changed(subject.Object{})
	s := d.Find(asked)
	first, err := s.Enter(t.Context(), asked, 1)
	if err != nil || s.Level() != "jail" {
		t.Fatal(s.Level(), err)
	}
	if _, err := s.Enter(t.Context(), asked, 1); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a level without seats has two inside: %v", err)
	}
	have = nil
	d.Changed(subject.Object{})
	if got := d.Find(asked).Level(); got != "global-default" || d.levels["jail"] == nil {
		t.Error("a level with requests inside is gone", got)
	}
	first.Leave()
	first.Leave()
	d.adjust(d.now())
	if d.levels["jail"] != nil {
		t.Error("an empty level without an object is there")
	}
}

func TestDeal(t *testing.T) {
	t.Parallel()
	hash := uint64(1)
	seen := make([]int, 16)
	for range 16000 {
		hash = hash*6364136223846793005 + 1442695040888963407
		var space [most]int
		hand := deal(hash>>3, 16, 4, &space)
		for _, card := range hand {
			seen[card]++
		}
		slices.Sort(hand)
		if len(slices.Compact(slices.Clone(hand))) != 4 || hand[0] < 0 || hand[3] > 15 {
			t.Fatal(hand)
		}
	}
	for card, n := range seen {
		if n < 3700 || n > 4300 {
			t.Errorf("card %d was dealt %d times of about 4000", card, n)
		}
	}
	var space [most]int
	if hand := deal(7, 2, 6, &space); len(hand) != 2 || hand[0] == hand[1] {
		t.Error(hand)
	}
}

func TestLend(t *testing.T) {
	t.Parallel()
	half := int32(50)
	busy, idle, capped := nominate(100, 40, 0, nil, 100, false), nominate(100, 40, 50, nil, 100, false), nominate(100, 20, 0, &half, 100, false)
	busy.observe(period{high: 90, average: 80, deviation: 10})
	idle.observe(period{})
	capped.observe(period{high: 90, average: 90})
	lend(100, []*share{&busy, &idle, &capped})
	if sum := busy.current + idle.current + capped.current; sum < 99 || sum > 101 {
		t.Errorf("%d seats of 100 are given out", sum)
	}
	if idle.current < 20 || idle.current > 24 || busy.current < 45 || capped.current != 30 {
		t.Errorf("busy %d idle %d capped %d", busy.current, idle.current, capped.current)
	}
	idle.observe(period{high: 60, average: 60})
	lend(100, []*share{&busy, &idle, &capped})
	if idle.current < 40 {
		t.Errorf("who lent has %d of 40 seats back", idle.current)
	}
}

// TestWait has a level of one seat, on the clock of a bubble.
func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Objects: objects{}, Seats: 1})
		a := pods(person("x"), "list")
		first, err := d.Find(a).Enter(t.Context(), a, 1)
		if err != nil {
			t.Fatal(err)
		}
		limited, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := d.Find(a).Enter(limited, a, 1); !apierrors.IsTooManyRequests(err) || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := d.Find(a).Enter(gone, a, 1); err == nil {
			t.Error("who had gone was let in")
		}
		in := make(chan *Seat)
		go func() {
			seat, err := d.Find(a).Enter(t.Context(), a, 1)
			if err != nil {
				t.Error(err)
			}
			in <- seat
		}()
		synctest.Wait()
		recorder := httptest.NewRecorder()
		d.Dumps()[debugPath+"dump_requests"].ServeHTTP(recorder, httptest.NewRequest("GET", "/?includeRequestDetails=1", nil))
		if text := recorder.Body.String(); strings.Count(text, "\n") != 3 || !strings.Contains(text, "list") {
			t.Error(text)
		}
		recorder = httptest.NewRecorder()
		d.Dumps()[debugPath+"dump_priority_levels"].ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
		if text := recorder.Body.String(); !strings.Contains(text, "global-default,    1,            false,  false,       1,               1,                 1,                  0,                1,                1\n") {
			t.Error(text)
		}
		first.Leave()
		(<-in).Leave()
		if f := d.levels["global-default"].fair; f.seats+f.waiting+len(f.active)+len(f.queues) != 0 {
			t.Errorf("left behind: %+v", f)
		}
	})
}

func BenchmarkIdle(b *testing.B) {
	d := New(Config{Objects: objects{}})
	a := pods(person("system:serviceaccount:shop:till", "system:serviceaccounts", "system:serviceaccounts:shop"), "list")
	b.ReportAllocs()
	for b.Loop() {
		seat, err := d.Find(a).Enter(b.Context(), a, 1)
		if err != nil {
			b.Fatal(err)
		}
		seat.Leave()
	}
}

func Example() {
	d := New(Config{Seats: 100})
	a := &access.Attributes{User: kind.User{Name: "ann", Groups: []string{"system:authenticated"}}, Verb: "list", Resource: "pods"}
	schema := d.Find(a)
	seat, err := schema.Enter(context.Background(), a, 1)
	if err != nil {
		return // 429
	}
	defer seat.Leave()
	fmt.Println(schema.Name(), schema.Level())
	// Output: catch-all catch-all
}
