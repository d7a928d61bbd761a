package kind

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/ext"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// deviceEnvironment is what expressions that select devices are written in: a variable, device, and Kubernetes' libraries.
var deviceEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	base, err := cel.NewEnv(append(celLibrary(),
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), cel.ASTValidators(
			cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		ext.Strings(ext.StringsVersion(2)), ext.Sets(), ext.Bindings(), ext.TwoVarComprehensions(), ext.Lists(ext.ListsVersion(3)),
	)...)
	if err != nil {
		return nil, err
	}
	return base.Extend(cel.CustomTypeProvider(deviceTypes{base.CELTypeProvider()}), cel.Variable("device", celDevice))
})

// validateDeviceExpression checks that an expression selects devices, and not at too high a cost.
func validateDeviceExpression(expression string, p *field.Path) field.ErrorList {
	if len(expression) > resourcev1.CELSelectorExpressionMaxLength {
		return field.ErrorList{field.TooLong(p, "", resourcev1.CELSelectorExpressionMaxLength)}
	}
	cost, err := deviceCost(expression)
	switch {
	case errors.Is(err, errExpression):
		return field.ErrorList{field.Invalid(p, expression, err.Error())}
	case err != nil:
		return field.ErrorList{field.InternalError(p, err)}
	case cost > resourcev1.CELSelectorExpressionMaxCost:
		return field.ErrorList{field.Forbidden(p, "too complex, exceeds cost limit")}
	}
	return nil
}

// expressionError is an expression's own fault.
type expressionError string

var errExpression = errors.New("bad expression")

func (e expressionError) Error() string { return string(e) }

func (e expressionError) Is(target error) bool { return target == errExpression }

// deviceCost is the most that evaluating an expression can cost.
func deviceCost(expression string) (uint64, error) {
	env, err := deviceEnvironment()
	if err != nil {
		return 0, err
	}
	ast, issues := env.Compile(expression)
	if issues != nil {
		return 0, expressionError("compilation failed: " + issues.String())
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.AnyType {
		return 0, expressionError(fmt.Sprintf("must evaluate to %v or the unknown type, not %v", cel.BoolType, t))
	}
	cost, err := env.EstimateCost(ast, deviceSizes{})
	return cost.Max, err
}

// deviceSizes tells how large the parts of a device can be.
type deviceSizes struct{}

var _ checker.CostEstimator = deviceSizes{}

func (deviceSizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	path := element.Path()
	if len(path) < 2 || path[0] != "device" {
		return nil
	}
	size := uint64(resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice)
	switch {
	case path[1] == "driver":
		size = resourcev1.DriverNameMaxLength
	case path[len(path)-1] == "@keys":
		size = resourcev1.DeviceMaxDomainLength
	case len(path) > 3:
		size = resourcev1.DeviceAttributeMaxValueLength
	}
	return &checker.SizeEstimate{Min: 0, Max: size}
}

func (deviceSizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
