package kind

import (
	"fmt"
	"strconv"
	"strings"
)

// interval is the indexes of a job from first to last.
type interval struct{ first, last int32 }

// parseIndexes reads "1,3-5"; the indexes rise and are below completions. With an error come the
// intervals before it.
func parseIndexes(s string, completions int32) (all []interval, err error) {
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		i, err := parseInterval(part, completions)
		if err != nil {
			return all, err
		}
		if n := len(all); n > 0 && all[n-1].last >= i.first {
			return all, fmt.Errorf("non-increasing order, previous: %d, current: %d", all[n-1].last, i.first)
		}
		all = append(all, i)
	}
	return all, nil
}

func parseInterval(s string, completions int32) (i interval, err error) {
	ends := strings.Split(s, "-")
	if len(ends) > 2 {
		return i, fmt.Errorf("the fragment %q violates the requirement that an index interval can have at most two parts separated by '-'", s)
	}
	if i.first, err = parseIndex(ends[0], completions); err != nil {
		return i, err
	}
	if i.last = i.first; len(ends) == 1 {
		return i, nil
	}
	if i.last, err = parseIndex(ends[1], completions); err != nil {
		return i, err
	}
	if i.first >= i.last {
		return i, fmt.Errorf("non-increasing order, previous: %d, current: %d", i.first, i.last)
	}
	return i, nil
}

func parseIndex(s string, completions int32) (int32, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("cannot convert string to integer for index: %q", s)
	}
	if n >= int(completions) {
		return 0, fmt.Errorf("too large index: %q", s)
	}
	return int32(n), nil
}

// overlap is the first index that is in both lists; false for none.
func overlap(a, b []interval) (int32, bool) {
	for len(a) > 0 && len(b) > 0 {
		if at := max(a[0].first, b[0].first); at <= min(a[0].last, b[0].last) {
			return at, true
		}
		if a[0].last < b[0].last {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return 0, false
}
