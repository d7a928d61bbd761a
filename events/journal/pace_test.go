package journal

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	p := newPace()
	if p.batches(16) || !p.batches(17) {
		t.Error("the balance of a quiet disk is at 16")
	}
	for range 50 { // batches get dear
		p.tookBatch(40 * time.Millisecond)
	}
	if p.batches(100) || !p.batches(200) {
		t.Errorf("after dear batches: %+v", p)
	}
	rounds := 0
	for ; !p.batches(64); rounds++ { // they are tried again
		p.tookEach(64, 64*firstPlain)
	}
	if rounds < 20 || rounds > 200 {
		t.Errorf("tried again after %d rounds", rounds)
	}
	for range 50 { // publishes get dear
		p.tookEach(1, 10*time.Millisecond)
	}
	if !p.batches(batchLeast) || p.batches(batchLeast-1) {
		t.Errorf("after dear publishes: %+v", p)
	}
	before := p.plain
	p.tookEach(1, time.Hour)
	if p.plain > 2*before {
		t.Errorf("one stall makes %s of %s", p.plain, before)
	}
	for range 1000 { // refusals take no time
		p.tookEach(1, 0)
	}
	for range 50 {
		p.tookEach(1, firstPlain)
	}
	if p.plain < firstPlain/2 {
		t.Errorf("never recovers from refusals: %s", p.plain)
	}
}
