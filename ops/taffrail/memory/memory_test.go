package memory

import (
	"slices"
	"testing"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 100}, {10 << 20, 100}, {42 << 20, 100}, {64 << 20, 75}, {128 << 20, 50}, {1 << 30, 28}, {100 << 30, 25}} {
		if got := percent(c.live); got != c.want {
			t.Errorf("%d MB live may gather %d%%, not %d%%", c.live>>20, got, c.want)
		}
	}
}

// looks are the looks at which memory is given back, of n; usage is what each sees.
func looks(n int, usage func(look int) usage) (released []int) {
	var k keeper
	for i := range n {
		if k.look(usage(i)) {
			released = append(released, i)
		}
	}
	return released
}

func TestPauses(t *testing.T) {
	t.Parallel()
	var total uint64
	got := looks(100, func(look int) usage {
		if look == 0 || look == 50 {
			total += 1 << 30
		}
		total += 1 << 20
		return usage{total: total, now: 20 << 20, goal: 30 << 20, free: 20 << 20}
	})
	if want := []int{3, 20, 40, 53, 70, 90}; !slices.Equal(got, want) {
		t.Errorf("memory was given back at %v, not %v", got, want)
	}
}

func TestAfterAPeak(t *testing.T) {
	t.Parallel()
	got := looks(25, func(look int) usage {
		u := usage{total: uint64(look+1) << 30, now: 100 << 20, goal: 150 << 20, free: 97 << 20}
		if look == 12 || look >= 22 {
			u.free += 2 << 20
		}
		return u
	})
	if want := []int{12, 22}; !slices.Equal(got, want) {
		t.Errorf("memory was given back at %v, not %v", got, want)
	}
}
