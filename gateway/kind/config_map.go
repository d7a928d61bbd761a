package kind

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func configMapKind() *Kind {
	return &Kind{
		GroupVersionKind: core("ConfigMap"), Resource: "configmaps", ShortNames: []string{"cm"}, Namespaced: true,
		New:      func() Object { return new(corev1.ConfigMap) },
		NewList:  func() runtime.Object { return new(corev1.ConfigMapList) },
		Validate: validates(validateConfigMap),
		Columns: []Column{
			column("Data", "integer", 0, func(c *corev1.ConfigMap, _ time.Time) any { return int64(len(c.Data) + len(c.BinaryData)) }),
		},
	}
}

func validateConfigMap(c, old *corev1.ConfigMap) (errs field.ErrorList) {
	data, binary := field.NewPath("data"), field.NewPath("binaryData")
	total := 0
	for k, v := range c.Data {
		errs = append(errs, invalids(data.Key(k), k, configKey(k))...)
		if _, both := c.BinaryData[k]; both {
			errs = append(errs, field.Invalid(data.Key(k), k, "duplicate of key present in binaryData"))
		}
		total += len(v)
	}
	for k, v := range c.BinaryData {
		errs = append(errs, invalids(binary.Key(k), k, configKey(k))...)
		total += len(v)
	}
	if total > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	if old == nil || !isTrue(old.Immutable) {
		return errs
	}
	const sealed = "field is immutable when `immutable` is set"
	if !isTrue(c.Immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), sealed))
	}
	if !maps.Equal(c.Data, old.Data) {
		errs = append(errs, field.Forbidden(data, sealed))
	}
	if !maps.EqualFunc(c.BinaryData, old.BinaryData, equalBytes) {
		errs = append(errs, field.Forbidden(binary, sealed))
	}
	return errs
}

func equalBytes(a, b []byte) bool { return string(a) == string(b) }

func isTrue(b *bool) bool { return b != nil && *b }
