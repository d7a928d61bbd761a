package matching

import (
	"sync"
	"sync/atomic"
	"testing"

	"taffrail.dev/events/subject"
)

// Who comes after a change sees it, even while another compiles what was before.
func TestCacheNeverAnswersWithLessThanWasChanged(t *testing.T) {
	t.Parallel()
	var source atomic.Int64
	c := Cache[int64]{Build: func(*int64) *int64 {
		n := source.Load()
		return &n
	}}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 2000 {
				want := source.Add(1)
				c.Changed(subject.Object{})
				if got := *c.Now(); got < want {
					t.Errorf("got %d after %d", got, want)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestCacheBuildsOnceForEachChange(t *testing.T) {
	t.Parallel()
	builds := 0
	c := Cache[int]{Build: func(old *int) *int {
		builds++
		if (old == nil) != (builds == 1) {
			t.Errorf("build %d of %v", builds, old)
		}
		n := builds
		return &n
	}}
	if c.Peek() != nil || *c.Now() != 1 || *c.Now() != 1 {
		t.Error("built too often")
	}
	c.Changed(subject.Object{})
	c.Changed(subject.Object{})
	if *c.Peek() != 1 || *c.Now() != 2 || *c.Now() != 2 {
		t.Errorf("built %d times", builds)
	}
}
