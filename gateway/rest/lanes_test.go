package rest

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestLanesLetOnePassAtATime(t *testing.T) {
	t.Parallel()
	var l lanes
	var group sync.WaitGroup
	inside, most := 0, 0 // guarded by the lane
	for range 50 {
		group.Go(func() {
			done, err := l.enter(t.Context(), "shop")
			if err != nil {
				t.Error(err)
				return
			}
			inside++
			most = max(most, inside)
			inside--
			done()
		})
	}
	group.Wait()
	if most != 1 || len(l.open) != 0 {
		t.Errorf("%d at once, %d lanes left", most, len(l.open))
	}
}

func TestLanesAreIndependentAndLetGo(t *testing.T) {
	t.Parallel()
	var l lanes
	done, err := l.enter(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.enter(t.Context(), "bank")
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(ctx, "shop"); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	done()
	if len(l.open) != 0 {
		t.Errorf("%d lanes left", len(l.open))
	}
}
