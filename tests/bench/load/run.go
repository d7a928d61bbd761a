package load

import (
	"slices"
	"sync"
	"time"
)

// Result is one load's outcome.
type Result struct {
	Requests, Failed int
	Bytes            int64
	Took             time.Duration
	// P50 and P99 are latencies.
	P50, P99 time.Duration
	// Status counts failed answers by status.
	Status map[int]int
}

// Rate is requests a second.
func (r Result) Rate() float64 { return float64(r.Requests) / r.Took.Seconds() }

// Run sends n requests from clients goroutines spread over the connections; make is called with 0 to n-1.
func Run(conns []*Conn, clients, n int, make func(i int) Request) (Result, error) {
	var (
		mu        sync.Mutex
		latencies []time.Duration
		result    = Result{Requests: n, Status: map[int]int{}}
		failure   error
		wait      sync.WaitGroup
	)
	begun := time.Now()
	for client := range clients {
		wait.Go(func() {
			conn, mine := conns[client%len(conns)], []time.Duration{}
			for i := client; i < n; i += clients {
				at := time.Now()
				answer, err := conn.Do(make(i))
				mine = append(mine, time.Since(at))
				mu.Lock()
				result.Bytes += int64(answer.Bytes)
				if err != nil && failure == nil {
					failure = err
				}
				if answer.Status < 200 || answer.Status > 299 {
					result.Failed++
					result.Status[answer.Status]++
				}
				mu.Unlock()
				if err != nil {
					break
				}
			}
			mu.Lock()
			latencies = append(latencies, mine...)
			mu.Unlock()
		})
	}
	wait.Wait()
	result.Took = time.Since(begun)
	slices.Sort(latencies)
	if len(latencies) > 0 {
		result.P50, result.P99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	}
	return result, failure
}
