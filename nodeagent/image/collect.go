package image

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Collector removes images that no container uses when the disk fills: it starts above High percent and
// removes the least recently used until below Low.
type Collector struct {
	Store *Store
	// Dir is on the file system that is watched.
	Dir string
	// High and Low are percent; 0 is 85 and 80. MinAge, 0 for two minutes, spares fresh images.
	High, Low int
	MinAge    time.Duration
	// InUse are the ids (name@digest) of the images that containers use.
	InUse func(context.Context) (map[string]bool, error)
	Log   *zap.Logger
	// Used, if set, replaces the look at the file system: percent in use.
	Used func() (int, error)

	last map[string]time.Time
}

// collectEvery is how often the disk is looked at.
const collectEvery = 5 * time.Minute

// Run looks at the disk from time to time until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if removed, err := c.Collect(ctx, time.Now()); err != nil {
				c.Log.Warn("collecting images failed", zap.Error(err), zap.Strings("removed", removed))
			} else if len(removed) > 0 {
				c.Log.Info("removed unused images", zap.Strings("images", removed))
			}
		}
	}
}

// Collect looks once and returns the digests that it removed.
func (c *Collector) Collect(ctx context.Context, now time.Time) (removed []string, err error) {
	high, low, age := c.High, c.Low, c.MinAge
	if high == 0 {
		high, low = 85, 80
	}
	if age == 0 {
		age = 2 * time.Minute
	}
	list, err := c.Store.List(ctx)
	if err != nil {
		return nil, err
	}
	used, err := c.InUse(ctx)
	if err != nil {
		return nil, err
	}
	idle := c.idle(list, used, now, age)
	percent, err := c.percent()
	if err != nil || percent < high {
		return nil, err
	}
	for _, i := range idle {
		if err := c.Store.Remove(ctx, i.Digest); err != nil {
			return removed, err
		}
		removed = append(removed, i.Digest)
		delete(c.last, i.Digest)
		if percent, err = c.percent(); err != nil || percent < low {
			return removed, err
		}
	}
	return removed, fmt.Errorf("the disk stays %d %% full, which is above %d %%, with every unused image removed", percent, low)
}

// idle are the images that no container uses, the longest unused first.
func (c *Collector) idle(list []Info, used map[string]bool, now time.Time, age time.Duration) []Info {
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	var idle []Info
	for _, i := range list {
		if _, ok := c.last[i.Digest]; !ok {
			c.last[i.Digest] = i.Created
		}
		if slices.ContainsFunc(i.Names, func(n string) bool { return used[n] }) {
			c.last[i.Digest] = now
			continue
		}
		if now.Sub(i.Created) >= age {
			idle = append(idle, i)
		}
	}
	slices.SortFunc(idle, func(a, b Info) int {
		if d := c.last[a.Digest].Compare(c.last[b.Digest]); d != 0 {
			return d
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	return idle
}

func (c *Collector) percent() (int, error) {
	if c.Used != nil {
		return c.Used()
	}
	var st unix.Statfs_t
	if err := unix.Statfs(c.Dir, &st); err != nil {
		return 0, err
	}
	if st.Blocks == 0 {
		return 0, nil
	}
	return int(100 - 100*st.Bavail/st.Blocks), nil
}
