package kind

import (
	"encoding/json"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func secretKind() *Kind {
	return &Kind{
		GroupVersionKind: core("Secret"), Resource: "secrets", Namespaced: true,
		New:              func() Object { return new(corev1.Secret) },
		NewList:          func() runtime.Object { return new(corev1.SecretList) },
		Default:          on(defaultSecret),
		Validate:         validates(validateSecret),
		SelectableFields: []string{"type"},
		Selectable: labels(func(s *corev1.Secret) map[string]string {
			return map[string]string{"type": string(s.Type)}
		}),
		Columns: []Column{
			column("Type", "string", 0, func(s *corev1.Secret, _ time.Time) any { return string(s.Type) }),
			column("Data", "integer", 0, func(s *corev1.Secret, _ time.Time) any { return int64(len(s.Data)) }),
		},
	}
}

func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) == 0 {
		s.StringData = nil
		return
	}
	if s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

var secretData = field.NewPath("data")

func validateSecret(s, old *corev1.Secret) (errs field.ErrorList) {
	total := 0
	for k, v := range s.Data {
		errs = append(errs, invalids(secretData.Key(k), k, configKey(k))...)
		total += len(v)
	}
	if total > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(secretData, "", corev1.MaxSecretSize))
	}
	errs = append(errs, validateSecretType(s)...)
	if old == nil {
		return errs
	}
	if s.Type != old.Type {
		errs = append(errs, field.Invalid(field.NewPath("type"), s.Type, immutableField))
	}
	if !isTrue(old.Immutable) {
		return errs
	}
	const sealed = "field is immutable when `immutable` is set"
	if !isTrue(s.Immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), sealed))
	}
	if !maps.EqualFunc(s.Data, old.Data, equalBytes) {
		errs = append(errs, field.Forbidden(secretData, sealed))
	}
	return errs
}

const immutableField = "field is immutable"

func validateSecretType(s *corev1.Secret) (errs field.ErrorList) {
	requireKeys := func(keys ...string) {
		for _, k := range keys {
			if _, ok := s.Data[k]; !ok {
				errs = append(errs, field.Required(secretData.Key(k), ""))
			}
		}
	}
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(metaPath.Child("annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		return validateSecretJSON(s, corev1.DockerConfigKey)
	case corev1.SecretTypeDockerConfigJson:
		return validateSecretJSON(s, corev1.DockerConfigJsonKey)
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		if _, password := s.Data[corev1.BasicAuthPasswordKey]; !user && !password {
			requireKeys(corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey)
		}
	case corev1.SecretTypeSSHAuth:
		if len(s.Data[corev1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(secretData.Key(corev1.SSHAuthPrivateKey), ""))
		}
	case corev1.SecretTypeTLS:
		requireKeys(corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	}
	return errs
}

func validateSecretJSON(s *corev1.Secret, key string) field.ErrorList {
	v, ok := s.Data[key]
	if !ok {
		return field.ErrorList{field.Required(secretData.Key(key), "")}
	}
	var any map[string]any
	if err := json.Unmarshal(v, &any); err != nil {
		return field.ErrorList{field.Invalid(secretData.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}
