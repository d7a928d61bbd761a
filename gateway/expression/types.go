package expression

import apicel "k8s.io/apiserver/pkg/cel"

// object is a declared type; a field's name that ends in ! is always there.
func object(name string, fields map[string]*apicel.DeclType) *apicel.DeclType {
	declared := make(map[string]*apicel.DeclField, len(fields))
	for field, t := range fields {
		required := field[len(field)-1] == '!'
		if required {
			field = field[:len(field)-1]
		}
		declared[field] = apicel.NewDeclField(field, t, required, nil, nil)
	}
	return apicel.NewObjectType(name, declared)
}

var (
	text  = apicel.StringType
	texts = apicel.NewListType(apicel.StringType, -1)
	pairs = apicel.NewMapType(apicel.StringType, apicel.StringType, -1)
)

// requestType is the request variable: an AdmissionRequest without uid and objects.
func requestType() *apicel.DeclType {
	kind := object("kubernetes.GroupVersionKind", map[string]*apicel.DeclType{"group!": text, "version!": text, "kind!": text})
	resource := object("kubernetes.GroupVersionResource", map[string]*apicel.DeclType{"group!": text, "version!": text, "resource!": text})
	user := object("kubernetes.UserInfo", map[string]*apicel.DeclType{
		"username": text, "uid": text, "groups": texts, "extra": apicel.NewMapType(apicel.StringType, texts, -1),
	})
	return object("kubernetes.AdmissionRequest", map[string]*apicel.DeclType{
		"kind!": kind, "resource!": resource, "subResource": text,
		"requestKind!": kind, "requestResource!": resource, "requestSubResource": text,
		"name!": text, "namespace": text, "operation!": text, "userInfo!": user,
		"dryRun": apicel.BoolType, "options": apicel.DynType,
	})
}

// namespaceType is the namespaceObject variable.
func namespaceType() *apicel.DeclType {
	condition := object("kubernetes.NamespaceCondition", map[string]*apicel.DeclType{
		"status!": text, "type!": text, "lastTransitionTime!": apicel.TimestampType, "message!": text, "reason!": text,
	})
	metadata := object("kubernetes.NamespaceMetadata", map[string]*apicel.DeclType{
		"name!": text, "generateName!": text, "namespace!": text, "labels!": pairs, "annotations!": pairs, "UID!": text,
		"creationTimestamp!": apicel.TimestampType, "deletionGracePeriodSeconds!": apicel.IntType,
		"deletionTimestamp!": apicel.TimestampType, "generation!": apicel.IntType, "resourceVersion!": text, "finalizers!": texts,
	})
	return object("kubernetes.Namespace", map[string]*apicel.DeclType{
		"metadata!": metadata,
		"spec!":     object("kubernetes.NamespaceSpec", map[string]*apicel.DeclType{"finalizers!": texts}),
		"status!": object("kubernetes.NamespaceStatus", map[string]*apicel.DeclType{
			"conditions!": apicel.NewListType(condition, -1), "phase!": text,
		}),
	})
}
