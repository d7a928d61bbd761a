package rest

import (
	"encoding/json"
	"reflect"
	"strings"

	"taffrail.dev/gateway/kind"
)

// namedBy is the top-level fields that a merge names. nil means that it may touch any:
// it has directives, or does not parse.
func namedBy(patch []byte) map[string]bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(patch, &top) != nil || top == nil {
		return nil
	}
	named := make(map[string]bool, len(top))
	for name := range top {
		if strings.HasPrefix(name, "$") {
			return nil
		}
		named[name] = true
	}
	return named
}

// narrow is an object without the top-level fields that are not named, so that a merge does
// not encode and decode what it leaves alone. widen puts them into its result. The object may be
// shared with both.
func narrow(whole kind.Object, named map[string]bool) (part kind.Object, widen func(kind.Object)) {
	from := reflect.ValueOf(whole).Elem()
	if _, custom := whole.(*kind.Custom); named == nil || custom || from.Kind() != reflect.Struct {
		return whole, func(kind.Object) {}
	}
	to := reflect.New(from.Type())
	to.Elem().Set(from)
	var left []int
	for i := range from.NumField() {
		name, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || named[name] {
			continue
		}
		to.Elem().Field(i).SetZero()
		left = append(left, i)
	}
	return to.Interface().(kind.Object), func(merged kind.Object) {
		for _, i := range left {
			reflect.ValueOf(merged).Elem().Field(i).Set(from.Field(i))
		}
	}
}
