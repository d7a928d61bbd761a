package kind

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cronField is what one of a schedule's five fields may hold.
type cronField struct {
	least, most int
	names       []string // of least and on
}

var cronFields = [...]cronField{
	{0, 59, nil}, {0, 23, nil}, {1, 31, nil},
	{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// checkSchedule says what is wrong with a schedule in cron's notation, in the words that users of cron jobs know.
func checkSchedule(s string) error {
	if strings.HasPrefix(s, "TZ=") || strings.HasPrefix(s, "CRON_TZ=") {
		zone, rest, ok := strings.Cut(s[strings.IndexByte(s, '=')+1:], " ")
		if !ok {
			return errors.New("invalid schedule format: runtime error: slice bounds out of range [:-1]")
		}
		if _, err := time.LoadLocation(zone); err != nil {
			return fmt.Errorf("provided bad location %s: %w", zone, err)
		}
		s = strings.TrimSpace(rest)
	}
	if strings.HasPrefix(s, "@") {
		return checkDescriptor(s)
	}
	fields := strings.Fields(s)
	if len(fields) != len(cronFields) {
		return fmt.Errorf("expected exactly %d fields, found %d: %s", len(cronFields), len(fields), fields)
	}
	for i, f := range cronFields {
		for _, expr := range strings.FieldsFunc(fields[i], func(r rune) bool { return r == ',' }) {
			if err := f.check(expr); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkDescriptor(s string) error {
	switch s {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return nil
	}
	every, ok := strings.CutPrefix(s, "@every ")
	if !ok {
		return fmt.Errorf("unrecognized descriptor: %s", s)
	}
	if _, err := time.ParseDuration(every); err != nil {
		return fmt.Errorf("failed to parse duration %s: %w", s, err)
	}
	return nil
}

// check checks "3", "1-5", "*/15", "10-20/2", "mon-fri".
func (f cronField) check(expr string) error {
	parts := strings.Split(expr, "/")
	ends := strings.Split(parts[0], "-")
	first, last, step := f.least, f.most, 1
	var err error
	if ends[0] != "*" && ends[0] != "?" {
		if first, err = f.parse(ends[0]); err != nil {
			return err
		}
		switch len(ends) {
		case 1:
			last = first
		case 2:
			if last, err = f.parse(ends[1]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("too many hyphens: %s", expr)
		}
	}
	switch len(parts) {
	case 1:
	case 2:
		if step, err = parseCount(parts[1]); err != nil {
			return err
		}
		if len(ends) == 1 {
			last = f.most
		}
	default:
		return fmt.Errorf("too many slashes: %s", expr)
	}
	return f.order(first, last, step, expr)
}

func (f cronField) order(first, last, step int, expr string) error {
	switch {
	case first < f.least:
		return fmt.Errorf("beginning of range (%d) below minimum (%d): %s", first, f.least, expr)
	case last > f.most:
		return fmt.Errorf("end of range (%d) above maximum (%d): %s", last, f.most, expr)
	case first > last:
		return fmt.Errorf("beginning of range (%d) beyond end of range (%d): %s", first, last, expr)
	case step == 0:
		return fmt.Errorf("step of range should be a positive number: %s", expr)
	}
	return nil
}

func (f cronField) parse(s string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(name, s) {
			return f.least + i, nil
		}
	}
	return parseCount(s)
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("failed to parse int from %s: %w", s, err)
	}
	if n < 0 {
		return 0, fmt.Errorf("negative number (%d) not allowed: %s", n, s)
	}
	return n, nil
}
