// Package expression compiles and evaluates the CEL expressions of admission's objects.
package expression

import (
	"sync"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	apicel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"
)

// Scope says which variables an expression may use beside object, oldObject, request and namespaceObject.
type Scope struct {
	Params, Authorizer bool
	// Patch declares the types of mutations.
	Patch bool
}

// Mode says where an expression comes from.
type Mode bool

const (
	// New is written by the request at hand: it may use what the previous release knows too.
	New Mode = false
	// Stored is in the journal already: it may use all there is.
	Stored Mode = true
)

func (m Mode) of(set *environment.EnvSet) *cel.Env {
	if m == Stored {
		return set.StoredExpressionsEnv()
	}
	return set.NewExpressionsEnv()
}

// The names of variables.
const (
	objectName     = "object"
	oldObjectName  = "oldObject"
	requestName    = "request"
	namespaceName  = "namespaceObject"
	paramsName     = "params"
	authorizerName = "authorizer"
	resourceName   = "authorizer.requestResource"
	variablesName  = "variables"
)

// environments are made when first needed and then kept.
var environments = func() map[Scope]func() *environment.EnvSet {
	sets := map[Scope]func() *environment.EnvSet{}
	for i := range 8 {
		s := Scope{Params: i&1 != 0, Authorizer: i&2 != 0, Patch: i&4 != 0}
		sets[s] = sync.OnceValue(func() *environment.EnvSet { return mustExtend(s) })
	}
	return sets
}()

// always is the version of options that every mode has.
var always = version.MajorMinor(1, 0)

func mustExtend(s Scope) *environment.EnvSet {
	request, namespace := requestType(), namespaceType()
	options := []cel.EnvOption{
		cel.Variable(objectName, cel.DynType), cel.Variable(oldObjectName, cel.DynType),
		cel.Variable(namespaceName, namespace.CelType()), cel.Variable(requestName, request.CelType()),
	}
	if s.Params {
		options = append(options, cel.Variable(paramsName, cel.DynType))
	}
	if s.Authorizer {
		options = append(options, cel.Variable(authorizerName, library.AuthorizerType), cel.Variable(resourceName, library.ResourceCheckType))
	}
	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(
		environment.VersionedOptions{IntroducedVersion: always, EnvOptions: options, DeclTypes: []*apicel.DeclType{namespace, request}},
		environment.StrictCostOpt,
	)
	if err == nil && s.Patch { // on top, since declared types replace what resolves the others
		set, err = set.Extend(environment.VersionedOptions{IntroducedVersion: always, EnvOptions: []cel.EnvOption{
			common.ResolverEnvOption(&mutation.DynamicTypeResolver{}), library.JSONPatch(),
		}})
	}
	if err != nil { // a mistake in this file
		panic(err)
	}
	return set
}
