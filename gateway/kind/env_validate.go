package kind

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateEnv(c *corev1.Container, volumes map[string]*corev1.Volume, at *field.Path) (errs field.ErrorList) {
	for i := range c.Env {
		e := &c.Env[i]
		if e.ValueFrom == nil && isPlainEnvName(e.Name) {
			continue
		}
		p := at.Child("env").Index(i)
		if e.Name == "" {
			errs = append(errs, field.Required(p.Child("name"), ""))
		} else if !isPlainEnvName(e.Name) {
			errs = append(errs, invalids(p.Child("name"), e.Name, validation.IsRelaxedEnvVarName(e.Name))...)
		}
		if e.ValueFrom != nil {
			errs = append(errs, validateEnvSource(e, volumes, p.Child("valueFrom"))...)
		}
	}
	for i := range c.EnvFrom {
		errs = append(errs, validateEnvFrom(&c.EnvFrom[i], at.Child("envFrom").Index(i))...)
	}
	return errs
}

// isPlainEnvName says whether a name is one of C's.
func isPlainEnvName(s string) bool {
	return within(s, 1<<16, upper|lower|underscore, upper|lower|underscore|digit) ||
		len(s) > 1 && classes[s[len(s)-1]] == digit && classes[s[0]]&(upper|lower|underscore) != 0 &&
			within(s, 1<<16, upper|lower|underscore|digit, upper|lower|underscore|digit)
}

func validateEnvSource(e *corev1.EnvVar, volumes map[string]*corev1.Volume, p *field.Path) (errs field.ErrorList) {
	from, sources := e.ValueFrom, 0
	if from.FieldRef != nil {
		sources++
		errs = append(errs, validateFieldRef(from.FieldRef, envFieldPaths, p.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		sources++
		errs = append(errs, validateResourceFieldRef(from.ResourceFieldRef, false, p.Child("resourceFieldRef"))...)
	}
	if r := from.ConfigMapKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(r.Name, r.Key, p.Child("configMapKeyRef"))...)
	}
	if r := from.SecretKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(r.Name, r.Key, p.Child("secretKeyRef"))...)
	}
	if r := from.FileKeyRef; r != nil {
		sources++
		errs = append(errs, validateFileKeyRef(r, volumes, p.Child("fileKeyRef"))...)
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(p, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case e.Value != "":
		errs = append(errs, field.Invalid(p, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(p, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func validateKeyRef(name, key string, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	}
	if key == "" {
		return append(errs, field.Required(p.Child("key"), ""))
	}
	return append(errs, invalids(p.Child("key"), key, configKey(key))...)
}

func validateFileKeyRef(r *corev1.FileKeySelector, volumes map[string]*corev1.Volume, p *field.Path) (errs field.ErrorList) {
	if r.Key == "" {
		errs = append(errs, field.Required(p.Child("key"), ""))
	} else {
		errs = append(errs, invalids(p.Child("key"), r.Key, validation.IsEnvVarName(r.Key))...)
	}
	if r.Path == "" {
		errs = append(errs, field.Required(p.Child("path"), ""))
	} else {
		errs = append(errs, validateRelativePath(r.Path, p.Child("path"))...)
	}
	switch v := volumes[r.VolumeName]; {
	case r.VolumeName == "":
		errs = append(errs, field.Required(p.Child("volumeName"), ""))
	case v == nil:
		errs = append(errs, field.NotFound(p.Child("volumeName"), r.VolumeName))
	case v.EmptyDir == nil:
		errs = append(errs, field.Invalid(p.Child("volumeName"), r.VolumeName, "referenced volume must be of type emptyDir"))
	}
	return errs
}

func validateEnvFrom(e *corev1.EnvFromSource, p *field.Path) (errs field.ErrorList) {
	if e.Prefix != "" && !isPlainEnvName(e.Prefix) {
		errs = append(errs, invalids(p.Child("prefix"), e.Prefix, validation.IsRelaxedEnvVarName(e.Prefix))...)
	}
	name := func(name string, p *field.Path) {
		if name == "" {
			errs = append(errs, field.Required(p.Child("name"), ""))
			return
		}
		errs = append(errs, invalids(p.Child("name"), name, subdomain(name))...)
	}
	if e.ConfigMapRef != nil {
		name(e.ConfigMapRef.Name, p.Child("configMapRef"))
	}
	if e.SecretRef != nil {
		name(e.SecretRef.Name, p.Child("secretRef"))
	}
	switch {
	case e.ConfigMapRef == nil && e.SecretRef == nil:
		errs = append(errs, field.Invalid(p, "", "must specify one of: `configMapRef` or `secretRef`"))
	case e.ConfigMapRef != nil && e.SecretRef != nil:
		errs = append(errs, field.Invalid(p, "", "may not have more than one field specified at a time"))
	}
	return errs
}

// The pod's fields that an environment variable and a downward API volume may show.
var (
	envFieldPaths = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	volumeFieldPaths = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
)

func validateFieldRef(r *corev1.ObjectFieldSelector, supported []string, p *field.Path) (errs field.ErrorList) {
	if r.APIVersion == "" {
		return field.ErrorList{field.Required(p.Child("apiVersion"), "")}
	}
	if r.FieldPath == "" {
		return field.ErrorList{field.Required(p.Child("fieldPath"), "")}
	}
	at := p.Child("fieldPath")
	if r.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(at, r.FieldPath, "error converting fieldPath: unsupported pod version: "+r.APIVersion)}
	}
	if path, key, ok := subscript(r.FieldPath); ok {
		switch path {
		case "metadata.annotations":
			return invalids(at, key, qualifiedName(strings.ToLower(key)))
		case "metadata.labels":
			return invalids(at, key, qualifiedName(key))
		}
		return field.ErrorList{field.Invalid(at, path, "does not support subscript")}
	}
	return oneOf(r.FieldPath, at, supported...)
}

// subscript splits "metadata.labels['key']".
func subscript(s string) (path, key string, ok bool) {
	if !strings.HasSuffix(s, "']") {
		return s, "", false
	}
	path, key, ok = strings.Cut(strings.TrimSuffix(s, "']"), "['")
	return path, key, ok && path != ""
}

func validateResourceFieldRef(r *corev1.ResourceFieldSelector, volume bool, p *field.Path) (errs field.ErrorList) {
	if volume && r.ContainerName == "" {
		return field.ErrorList{field.Required(p.Child("containerName"), "")}
	}
	if r.Resource == "" {
		return field.ErrorList{field.Required(p.Child("resource"), "")}
	}
	kind, name, _ := strings.Cut(r.Resource, ".")
	known := name == "cpu" || name == "memory" || name == "ephemeral-storage" || isHugePages(corev1.ResourceName(name))
	if kind != "limits" && kind != "requests" || !known {
		return field.ErrorList{field.NotSupported(p.Child("resource"), r.Resource, []string{
			"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory",
		})}
	}
	return validateDivisor(r, name, p.Child("divisor"))
}

func validateDivisor(r *corev1.ResourceFieldSelector, name string, p *field.Path) field.ErrorList {
	d := r.Divisor.String()
	if r.Divisor.IsZero() {
		return nil
	}
	what, divisors := "memory", "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"
	switch {
	case name == "cpu":
		what, divisors = "cpu", "1m and 1"
		if d == "1m" || d == "1" {
			return nil
		}
	case name == "ephemeral-storage":
		what = "local ephemeral storage"
	case isHugePages(corev1.ResourceName(name)):
		what = "hugepages"
	}
	for _, ok := range strings.Split(divisors, ", ") {
		if d == ok {
			return nil
		}
	}
	return field.ErrorList{field.Invalid(p, r.Resource, "only divisor's values "+divisors+" are supported with the "+what+" resource")}
}
