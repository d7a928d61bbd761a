package kind

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The checks below walk the bytes once and leave it to apimachinery's regular
// expressions to word the complaint: valid objects are the hot path.

// SubdomainName is the name rule of most kinds, a DNS-1123 subdomain. A prefix is a generateName.
func SubdomainName(name string, prefix bool) []string { return subdomain(unprefix(name, prefix)) }

// LabelName is the name rule of kinds whose names become DNS labels.
func LabelName(name string, prefix bool) []string { return dnsLabel(unprefix(name, prefix)) }

// Label1035Name is the name rule of services: a DNS-1035 label.
func Label1035Name(name string, prefix bool) []string { return dns1035(unprefix(name, prefix)) }

// PathName is the name rule of kinds whose name only has to fit in a URL.
func PathName(name string, prefix bool) []string {
	if prefix {
		return path.IsValidPathSegmentPrefix(name)
	}
	return path.IsValidPathSegmentName(name)
}

// unprefix makes of a prefix that ends in a dash a name that is as valid.
func unprefix(name string, prefix bool) string {
	if prefix && len(name) > 1 && name[len(name)-1] == '-' {
		return name[:len(name)-2] + "a"
	}
	return name
}

const (
	lower = 1 << iota
	upper
	digit
	dash
	dot
	underscore
)

var classes = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c] = lower
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = upper
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = digit
	}
	t['-'], t['.'], t['_'] = dash, dot, underscore
	return t
}()

// within says whether s is 1 to most bytes of the classes in inner, the first
// and last of those in outer.
func within(s string, most int, outer, inner uint8) bool {
	if s == "" || len(s) > most || classes[s[0]]&outer == 0 || classes[s[len(s)-1]]&outer == 0 {
		return false
	}
	for i := range len(s) {
		if classes[s[i]]&inner == 0 {
			return false
		}
	}
	return true
}

func dnsLabel(s string) []string {
	if within(s, 63, lower|digit, lower|digit|dash) {
		return nil
	}
	return validation.IsDNS1123Label(s)
}

func dns1035(s string) []string {
	if within(s, 63, lower|digit, lower|digit|dash) && classes[s[0]] == lower {
		return nil
	}
	return validation.IsDNS1035Label(s)
}

func isSubdomain(s string) bool {
	if !within(s, 253, lower|digit, lower|digit|dash|dot) {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '.' && (classes[s[i-1]]&(lower|digit) == 0 || classes[s[i+1]]&(lower|digit) == 0) {
			return false
		}
	}
	return true
}

func subdomain(s string) []string {
	if isSubdomain(s) {
		return nil
	}
	return validation.IsDNS1123Subdomain(s)
}

const alphanumeric = lower | upper | digit

// qualifiedName is the rule of label keys, annotations, finalizers and resource names.
func qualifiedName(s string) []string {
	prefix, name, has := strings.Cut(s, "/")
	if !has {
		prefix, name = "", s
	}
	if within(name, 63, alphanumeric, alphanumeric|dash|dot|underscore) && (!has || isSubdomain(prefix)) {
		return nil
	}
	return validation.IsQualifiedName(s)
}

func labelValue(s string) []string {
	if s == "" || within(s, 63, alphanumeric, alphanumeric|dash|dot|underscore) {
		return nil
	}
	return validation.IsValidLabelValue(s)
}

// configKey is the rule of keys in config maps and secrets.
func configKey(s string) []string {
	const all = alphanumeric | dash | dot | underscore
	if within(s, 253, all, all) && s[0] != '.' {
		return nil
	}
	return validation.IsConfigMapKey(s)
}

// invalids is an Invalid per complaint.
func invalids(p *field.Path, value any, complaints []string) field.ErrorList {
	if len(complaints) == 0 {
		return nil
	}
	errs := make(field.ErrorList, 0, len(complaints))
	for _, c := range complaints {
		errs = append(errs, field.Invalid(p, value, c))
	}
	return errs
}
