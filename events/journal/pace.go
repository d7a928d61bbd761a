package journal

import (
	"sync"
	"time"
)

const (
	// firstPlain and firstBatch are what is taken for the cost of a publish and of a batch
	// until some have been timed: those of a disk that is not busy.
	firstPlain = 250 * time.Microsecond
	firstBatch = 4 * time.Millisecond
	// batchLeast is how many requests a batch has at least, whatever the costs.
	batchLeast = 2
	// Costs are averages in which the newest weighs 1/paceWeight, and no sample more than paceJump
	// times the average: one stall of the disk says little about the next round.
	paceWeight = 8
	paceJump   = 4
	// While batches look too dear, each round's average of them falls by 1/paceDoubt, so
	// that one is tried again before long.
	paceDoubt = 128
	// paceLeast bounds the averages from below: refusals take no time.
	paceLeast = 10 * time.Microsecond
)

// pace chooses how a round is stored. A publish costs the server one sync; a batch its staging and a
// sync, whatever its size. Where the balance lies depends on where batches are staged, on the
// disk and on who else is using it, so it goes by what either has cost lately.
type pace struct {
	mu    sync.Mutex
	plain time.Duration // of one request
	batch time.Duration // of one batch
}

func newPace() *pace { return &pace{plain: firstPlain, batch: firstBatch} }

// batches says whether so many requests are stored sooner in a batch than one by one.
func (p *pace) batches(requests int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return requests >= batchLeast && time.Duration(requests)*p.plain > p.batch
}

// tookEach learns from requests that were stored one by one.
func (p *pace) tookEach(requests int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	average(&p.plain, took/time.Duration(requests))
	if requests >= batchLeast {
		p.batch -= p.batch / paceDoubt
	}
}

// tookBatch learns from a batch that was stored.
func (p *pace) tookBatch(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	average(&p.batch, took)
}

func average(of *time.Duration, sample time.Duration) {
	*of = max(*of+(min(sample, paceJump**of)-*of)/paceWeight, paceLeast)
}
