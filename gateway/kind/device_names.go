package kind

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// each checks every item of a list that may not have more than most; below zero is no bound.
func each[T any](list []T, most int, p *field.Path, check func(T, *field.Path) field.ErrorList) (errs field.ErrorList) {
	if most >= 0 && len(list) > most {
		return field.ErrorList{field.TooMany(p, len(list), most)}
	}
	for i, item := range list {
		errs = append(errs, check(item, p.Index(i))...)
	}
	return errs
}

// eachOnce is each for a list whose items have different keys.
func eachOnce[T any, K comparable](list []T, most int, p *field.Path, key func(T) K, check func(T, *field.Path) field.ErrorList) field.ErrorList {
	errs := each(list, most, p, check)
	if most >= 0 && len(list) > most {
		return errs
	}
	seen := make(map[K]bool, len(list))
	for i, item := range list {
		if k := key(item); seen[k] {
			errs = append(errs, field.Duplicate(p.Index(i), k))
		} else {
			seen[k] = true
		}
	}
	return errs
}

func itself(s string) string { return s }

// validatePoolName checks names of pools: subdomains with slashes between.
func validatePoolName(name string, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(name) > resourcev1.PoolNameMaxLength {
		errs = append(errs, field.TooLong(p, "", resourcev1.PoolNameMaxLength))
	}
	for part := range strings.SplitSeq(name, "/") {
		errs = append(errs, invalids(p, part, subdomain(part))...)
	}
	return errs
}

// validateDeviceName checks the name of a device, a request or a counter.
func validateDeviceName(name string, p *field.Path) field.ErrorList {
	return invalids(p, name, dnsLabel(name))
}

// validateAttributeName checks an identifier, perhaps with a domain in front: "model", "gpu.example.com/model".
func validateAttributeName(name string, p *field.Path) (errs field.ErrorList) {
	domain, id, ok := strings.Cut(name, "/")
	switch {
	case !ok:
		return validateIdentifier(name, p)
	case strings.Contains(id, "/"):
		return nil
	}
	if domain == "" {
		errs = append(errs, field.Invalid(p, "", "the domain must not be empty"))
	} else {
		errs = append(errs, validateDriverName(domain, p)...)
	}
	if id == "" {
		return append(errs, field.Invalid(p, "", "the name must not be empty"))
	}
	return append(errs, validateIdentifier(id, p)...)
}

func validateIdentifier(id string, p *field.Path) (errs field.ErrorList) {
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(p, "", resourcev1.DeviceMaxIDLength))
	}
	return append(errs, invalids(p, id, validation.IsCIdentifier(id))...)
}

// validateFullAttributeName checks a name that has to have a domain.
func validateFullAttributeName(name resourcev1.FullyQualifiedName, p *field.Path) field.ErrorList {
	errs := validateAttributeName(string(name), p)
	if !strings.Contains(string(name), "/") {
		errs = append(errs, field.Invalid(p, name, "a fully qualified name must be a domain and a name separated by a slash"))
	}
	return errs
}

func validateShareID(id string, p *field.Path) field.ErrorList {
	if err := uuid.Validate(id); err != nil {
		return field.ErrorList{field.Invalid(p, id, fmt.Sprintf("error validating uid: %v", err))}
	}
	if len(id) != 36 || id != strings.ToLower(id) {
		return field.ErrorList{field.Invalid(p, id, "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters")}
	}
	return nil
}

// validateRawObject checks bytes that have to be an object in JSON.
func validateRawObject(raw []byte, most int, p *field.Path) field.ErrorList {
	var v any
	switch {
	case len(raw) == 0:
		return field.ErrorList{field.Required(p, "")}
	case len(raw) > most:
		return field.ErrorList{field.TooLong(p, "", most)}
	}
	const omitted = "<value omitted>"
	if err := json.Unmarshal(raw, &v); err != nil {
		return field.ErrorList{field.Invalid(p, omitted, fmt.Sprintf("error parsing data as JSON: %v", err))}
	}
	if v == nil {
		return field.ErrorList{field.Required(p, "")}
	}
	if _, ok := v.(map[string]any); !ok {
		return field.ErrorList{field.Invalid(p, omitted, "must be a valid JSON object")}
	}
	return nil
}
