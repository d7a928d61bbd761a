package fold

import (
	"context"
	"maps"
	"slices"

	"taffrail.dev/events/subject"
)

// Lag is how far a feed's reading of a stream is behind the stream.
type Lag struct {
	Stream        subject.Stream
	Through, Last uint64
}

// Behind is the number of sequences to come.
func (l Lag) Behind() uint64 { return max(l.Last, l.Through) - l.Through }

// Lags says of every stream how far the feed has come, for readiness that names who is
// not ready and by how much.
func (f *Feed) Lags(ctx context.Context) ([]Lag, error) {
	var lags []Lag
	for _, stream := range slices.Sorted(maps.Keys(f.hubs)) {
		last, err := f.config.Streams[stream].Last(ctx)
		if err != nil {
			return nil, err
		}
		h := f.hubs[stream]
		h.mu.Lock()
		lags = append(lags, Lag{Stream: stream, Through: h.through, Last: last})
		h.mu.Unlock()
	}
	return lags, nil
}
