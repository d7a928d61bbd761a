package rest

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Kubernetes' bounds of what one answer warns of: whole while they are short together, then cut.
const (
	maxWarned      = 4 << 10
	maxLongWarning = 256
)

// warnings are what an answer has warned of.
type warnings struct {
	mu sync.Mutex // guards all below and the Warning headers: a deletion of many objects warns from several goroutines
	// size is that of all headers.
	size int
}

// addWarning adds a Warning header, each text once.
func (q *request) addWarning(text string) {
	q.warnings.mu.Lock()
	defer q.warnings.mu.Unlock()
	if q.warnings.size+len(text) > maxWarned && len(text) > maxLongWarning {
		text = strings.ToValidUTF8(text[:maxLongWarning], "")
	}
	header := "299 - " + strconv.Quote(text)
	have := q.w.Header()["Warning"]
	if q.warnings.size+len(text) > maxWarned || slices.Contains(have, header) {
		return
	}
	q.warnings.size += len(text)
	q.w.Header()["Warning"] = append(have, header)
}
