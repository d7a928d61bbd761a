package flow

import "math"

// decay is how much of a smoothed demand is left after a period: it halves in about five minutes.
const decay = 0.977

// share is what one level may have of the seats.
type share struct {
	exempt bool
	// nominal is by the configured shares, lower what is not lent, upper nominal and what may be borrowed.
	nominal, lower, upper int
	smooth, target        float64
	last                  period
	// current is what the level has now.
	current int
}

// nominate divides the seats by shares, rounding up.
func nominate(seats int, shares, lendable int32, borrow *int32, sum int64, exempt bool) share {
	s := share{exempt: exempt}
	if sum > 0 {
		s.nominal = int(math.Ceil(float64(seats) * float64(shares) / float64(sum)))
	}
	s.lower = s.nominal - part(s.nominal, lendable)
	s.upper = seats
	if borrow != nil {
		s.upper = s.nominal + part(s.nominal, *borrow)
	}
	s.current = s.nominal
	return s
}

func part(n int, percent int32) int { return int(math.Round(float64(n) * float64(percent) / 100)) }

// floor is what a level keeps whatever others want: what it does not lend, and what of its nominal it was using.
func (s *share) floor() int { return max(s.lower, min(s.nominal, s.last.high)) }

// observe smooths a period's demand: up at once, down slowly.
func (s *share) observe(p period) {
	s.last = p
	envelope := min(float64(p.high), p.average+p.deviation)
	s.smooth = max(envelope, decay*s.smooth+(1-decay)*envelope)
	s.target = max(float64(s.floor()), s.smooth)
}

// lend sets what each level has now: everyone the same proportion of their target, between floor and upper, so that
// the seats are given out. It returns that proportion.
func lend(seats int, levels []*share) float64 {
	left := seats
	var limited []*share
	floors := 0
	for _, s := range levels {
		if s.exempt {
			s.current = s.floor()
			left -= s.current
			continue
		}
		limited = append(limited, s)
		floors += s.floor()
	}
	if floors >= left {
		for _, s := range limited {
			s.current = s.floor()
		}
		return 0
	}
	given := func(proportion float64) (sum float64) {
		for _, s := range limited {
			sum += s.at(proportion)
		}
		return sum
	}
	low, high := 0.0, 1.0
	for high < float64(seats)*2 && given(high) < float64(left) {
		high *= 2
	}
	for range 60 { // given is monotonic
		if middle := (low + high) / 2; given(middle) < float64(left) {
			low = middle
		} else {
			high = middle
		}
	}
	for _, s := range limited {
		s.current = int(math.Round(s.at(high)))
	}
	return high
}

func (s *share) at(proportion float64) float64 {
	return min(float64(max(s.upper, s.floor())), max(float64(s.floor()), proportion*s.target))
}
