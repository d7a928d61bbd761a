// Package memory keeps a process small: the more it holds, the less garbage it lets gather in proportion,
// and once work is done it gives back what the work took.
package memory

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"time"
)

const (
	// every is how often the process is looked at, quiet how much it allocates in between while it has nothing
	// to do.
	every = time.Second
	quiet = 4 << 20
	// ordinary is Go's own setting: as much garbage as is live.
	ordinary = 100
	// spare and a quarter of what is live is how much garbage may gather where that is less.
	spare = 32 << 20
	// slack is how much more free memory than the next collection leaves room for is kept, and rest how many
	// looks apart it is given back while there is work.
	slack = 48 << 20
	rest  = 10
)

// pauses are the looks into a pause at which memory is given back: soon, and when caches that outlive the work by
// some seconds, and pools that outlive two collections, have let go.
var pauses = []int{3, 20, 40}

// percent is how much garbage may gather, in hundredths of what is live.
func percent(live uint64) int {
	if live == 0 {
		return ordinary
	}
	return int(min(ordinary, (spare+live/4)*100/live))
}

// usage is what a look sees, in bytes: what was allocated in all, what is allocated now, the heap's size at which it
// will be collected, and what is free but not given back.
type usage struct{ total, now, goal, free uint64 }

// keeper remembers the looks before.
type keeper struct {
	total uint64
	idle  int // looks in a row that saw nothing done
	since int // looks since memory was given back
}

// look says whether it is time to give memory back.
func (k *keeper) look(u usage) bool {
	k.idle++
	k.since++
	if u.total-k.total >= quiet {
		k.idle = 0
	}
	k.total = u.total
	room := max(u.goal, u.now) - u.now
	if !slices.Contains(pauses, k.idle) && (u.free < room+slack || k.since < rest) {
		return false
	}
	k.since = 0
	return true
}

// Run keeps the process small until ctx ends. Where the operator has set GOGC it leaves everything to them.
func Run(ctx context.Context) error {
	set := debug.SetGCPercent(ordinary)
	defer debug.SetGCPercent(set)
	if set != ordinary {
		debug.SetGCPercent(set)
		<-ctx.Done()
		return ctx.Err()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/goal:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	k, now := keeper{}, ordinary
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		metrics.Read(samples)
		at := func(i int) uint64 { return samples[i].Value.Uint64() }
		if next := percent(at(0)); next != now {
			debug.SetGCPercent(next)
			now = next
		}
		if k.look(usage{total: at(1), now: at(2), goal: at(3), free: at(4)}) {
			debug.FreeOSMemory()
		}
	}
}
