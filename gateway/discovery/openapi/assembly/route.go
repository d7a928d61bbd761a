package assembly

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/common"
)

// container is the routes of one group and version.
type container struct {
	root   string
	routes []common.Route
}

func (c *container) RootPath() string                   { return c.root }
func (c *container) PathParameters() []common.Parameter { return nil }
func (c *container) Routes() []common.Route             { return c.routes }

// route is one operation.
type route struct {
	method, path, operation, description string
	parameters                           []common.Parameter
	consumes, produces                   []string
	metadata                             map[string]any
	body, answer                         any
	responses                            []common.StatusCodeResponse
}

func (r *route) Method() string                                   { return r.method }
func (r *route) Path() string                                     { return r.path }
func (r *route) OperationName() string                            { return r.operation }
func (r *route) Parameters() []common.Parameter                   { return r.parameters }
func (r *route) Description() string                              { return r.description }
func (r *route) Consumes() []string                               { return r.consumes }
func (r *route) Produces() []string                               { return r.produces }
func (r *route) Metadata() map[string]any                         { return r.metadata }
func (r *route) RequestPayloadSample() any                        { return r.body }
func (r *route) ResponsePayloadSample() any                       { return r.answer }
func (r *route) StatusCodeResponses() []common.StatusCodeResponse { return r.responses }

type response struct {
	code    int
	message string
	model   any
}

func (r *response) Code() int       { return r.code }
func (r *response) Message() string { return r.message }
func (r *response) Model() any      { return r.model }

type parameter struct {
	name, description, dataType string
	kind                        common.ParameterKind
	required                    bool
}

func (p *parameter) Name() string               { return p.name }
func (p *parameter) Description() string        { return p.description }
func (p *parameter) Required() bool             { return p.required }
func (p *parameter) Kind() common.ParameterKind { return p.kind }
func (p *parameter) DataType() string           { return p.dataType }
func (p *parameter) AllowMultiple() bool        { return false }

var (
	_ common.RouteContainer = (*container)(nil)
	_ common.Route          = (*route)(nil)
)

// query are the parameters of a request's options, described as their type describes them.
func query(options interface{ SwaggerDoc() map[string]string }, types map[string]string) []common.Parameter {
	docs := options.SwaggerDoc()
	var all []common.Parameter
	for name, dataType := range types {
		all = append(all, &parameter{name: name, description: docs[name], dataType: dataType, kind: common.QueryParameterKind})
	}
	return all
}

var (
	pretty      = &parameter{name: "pretty", description: "If 'true', then the output is pretty printed.", dataType: "string", kind: common.QueryParameterKind}
	createQuery = query(metav1.CreateOptions{}, map[string]string{"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"})
	updateQuery = query(metav1.UpdateOptions{}, map[string]string{"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"})
	patchQuery  = query(metav1.PatchOptions{}, map[string]string{"dryRun": "string", "fieldManager": "string", "fieldValidation": "string", "force": "boolean"})
	deleteQuery = query(metav1.DeleteOptions{}, map[string]string{
		"dryRun": "string", "gracePeriodSeconds": "integer", "orphanDependents": "boolean", "propagationPolicy": "string",
	})
	listQuery = query(metav1.ListOptions{}, map[string]string{
		"allowWatchBookmarks": "boolean", "continue": "string", "fieldSelector": "string", "labelSelector": "string", "limit": "integer",
		"resourceVersion": "string", "resourceVersionMatch": "string", "sendInitialEvents": "boolean", "timeoutSeconds": "integer", "watch": "boolean",
	})
)

func bodyOf(required bool) common.Parameter {
	return &parameter{name: "body", kind: common.BodyParameterKind, dataType: "string", required: required}
}

func inPath(name, description string) common.Parameter {
	return &parameter{name: name, description: description, dataType: "string", kind: common.PathParameterKind, required: true}
}
