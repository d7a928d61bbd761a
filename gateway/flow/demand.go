package flow

import "math"

// demand is how many seats were asked for over a period.
type demand struct {
	at, since    int64
	now, high    int
	area, square float64
}

func (d *demand) set(at int64, seats int) {
	d.until(at)
	d.now = seats
	d.high = max(d.high, seats)
}

func (d *demand) until(at int64) {
	seconds := float64(at-d.at) / 1e9
	d.at = at
	d.area += seconds * float64(d.now)
	d.square += seconds * float64(d.now) * float64(d.now)
}

// period is a period's demand.
type period struct {
	high               int
	average, deviation float64
}

// take ends a period and begins the next.
func (d *demand) take(at int64) period {
	d.until(at)
	p := period{high: d.high, average: float64(d.now)}
	if seconds := float64(at-d.since) / 1e9; seconds > 0 {
		p.average = d.area / seconds
		p.deviation = math.Sqrt(max(0, d.square/seconds-p.average*p.average))
	}
	*d = demand{at: at, since: at, now: d.now, high: d.now}
	return p
}
