package kind

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// Kubernetes' types beyond CEL's.
var (
	celQuantity = cel.ObjectType("kubernetes.Quantity")
	celSemver   = cel.ObjectType("kubernetes.Semver")
	celURL      = cel.ObjectType("kubernetes.URL")
	celIP       = cel.ObjectType("net.IP")
	celCIDR     = cel.ObjectType("net.CIDR")
	celFormat   = cel.ObjectType("kubernetes.NamedFormat")
	celItem     = cel.TypeParamType("T")
	celList     = cel.ListType(celItem)
	celStrings  = cel.ListType(cel.StringType)
)

// celFunction is a function, or of a receiver if its name begins with a dot, the receiver being the first argument.
type celFunction struct {
	name      string
	result    *cel.Type
	arguments []*cel.Type
}

func celCall(name string, result *cel.Type, arguments ...*cel.Type) celFunction {
	return celFunction{name, result, arguments}
}

// celFunctions are Kubernetes' functions beyond CEL's. Expressions are checked here and run elsewhere, so
// they are declared and not defined.
func celFunctions() (all []celFunction) {
	add := func(f ...celFunction) { all = append(all, f...) }
	for name, t := range map[string]*cel.Type{"Quantity": celQuantity, "Semver": celSemver, "URL": celURL, "IP": celIP, "CIDR": celCIDR} {
		makes := map[string]string{"Quantity": "quantity", "Semver": "semver", "URL": "url", "IP": "ip", "CIDR": "cidr"}[name]
		add(celCall(makes, t, cel.StringType), celCall("is"+name, cel.BoolType, cel.StringType))
	}
	add(celCall("semver", celSemver, cel.StringType, cel.BoolType), celCall("isSemver", cel.BoolType, cel.StringType, cel.BoolType))
	for _, t := range []*cel.Type{celQuantity, celSemver} {
		add(celCall(".isGreaterThan", cel.BoolType, t, t), celCall(".isLessThan", cel.BoolType, t, t), celCall(".compareTo", cel.IntType, t, t))
	}
	add(celCall(".sign", cel.IntType, celQuantity), celCall(".isInteger", cel.BoolType, celQuantity), celCall(".asInteger", cel.IntType, celQuantity),
		celCall(".asApproximateFloat", cel.DoubleType, celQuantity))
	for _, name := range []string{".add", ".sub"} {
		add(celCall(name, celQuantity, celQuantity, celQuantity), celCall(name, celQuantity, celQuantity, cel.IntType))
	}
	for _, name := range []string{".major", ".minor", ".patch"} {
		add(celCall(name, cel.IntType, celSemver))
	}
	for _, name := range []string{".getScheme", ".getHost", ".getHostname", ".getPort", ".getEscapedPath"} {
		add(celCall(name, cel.StringType, celURL))
	}
	add(celCall(".getQuery", cel.MapType(cel.StringType, celStrings), celURL))
	for _, name := range []string{".isUnspecified", ".isLoopback", ".isLinkLocalMulticast", ".isLinkLocalUnicast", ".isGlobalUnicast"} {
		add(celCall(name, cel.BoolType, celIP))
	}
	add(celCall(".family", cel.IntType, celIP), celCall("ip.isCanonical", cel.BoolType, cel.StringType), celCall("string", cel.StringType, celIP),
		celCall(".ip", celIP, celCIDR), celCall(".masked", celCIDR, celCIDR), celCall(".prefixLength", cel.IntType, celCIDR), celCall("string", cel.StringType, celCIDR))
	for _, t := range []*cel.Type{cel.StringType, celIP} {
		add(celCall(".containsIP", cel.BoolType, celCIDR, t))
	}
	for _, t := range []*cel.Type{cel.StringType, celCIDR} {
		add(celCall(".containsCIDR", cel.BoolType, celCIDR, t))
	}
	add(celCall(".find", cel.StringType, cel.StringType, cel.StringType), celCall(".findAll", celStrings, cel.StringType, cel.StringType),
		celCall(".findAll", celStrings, cel.StringType, cel.StringType, cel.IntType))
	add(celCall(".isSorted", cel.BoolType, celList), celCall(".sum", celItem, celList), celCall(".min", celItem, celList), celCall(".max", celItem, celList),
		celCall(".indexOf", cel.IntType, celList, celItem), celCall(".lastIndexOf", cel.IntType, celList, celItem))
	for _, name := range []string{
		"dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "dns1123LabelPrefix", "dns1123SubdomainPrefix", "dns1035LabelPrefix",
		"labelValue", "uri", "uuid", "byte", "date", "datetime",
	} {
		add(celCall("format."+name, celFormat))
	}
	add(celCall("format.named", cel.OptionalType(celFormat), cel.StringType), celCall(".validate", cel.OptionalType(celStrings), celFormat, cel.StringType))
	return all
}

// celLibrary declares the functions.
func celLibrary() (options []cel.EnvOption) {
	for i, f := range celFunctions() {
		id := fmt.Sprintf("kubernetes_%d", i)
		if f.name[0] == '.' {
			options = append(options, cel.Function(f.name[1:], cel.MemberOverload(id, f.arguments, f.result)))
		} else {
			options = append(options, cel.Function(f.name, cel.Overload(id, f.arguments, f.result)))
		}
	}
	return options
}

// celDevice is the type of a device.
var celDevice = cel.ObjectType("kubernetes.DRADevice")

// deviceTypes are CEL's types and a device's.
type deviceTypes struct{ types.Provider }

var deviceFields = map[string]*cel.Type{
	"driver": cel.StringType, "allowMultipleAllocations": cel.BoolType,
	"attributes": cel.MapType(cel.StringType, cel.MapType(cel.StringType, cel.AnyType)),
	"capacity":   cel.MapType(cel.StringType, cel.MapType(cel.StringType, celQuantity)),
}

// FindStructType knows the type of a device.
func (p deviceTypes) FindStructType(name string) (*types.Type, bool) {
	if name == celDevice.TypeName() {
		return types.NewTypeTypeWithParam(celDevice), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldType knows the fields of a device.
func (p deviceTypes) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name == celDevice.TypeName() {
		t, ok := deviceFields[field]
		return &types.FieldType{Type: t}, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}
