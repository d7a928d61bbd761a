// Package environment makes containers' environments and command lines: from config maps, secrets, the
// pod itself and the services around it, with $(NAME) replaced.
package environment

import (
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"taffrail.dev/nodeagent/downward"
)

// Objects are what the node was told.
type Objects interface {
	// ConfigMap and Secret are nil if the node knows none of that name.
	ConfigMap(namespace, name string) *corev1.ConfigMap
	Secret(namespace, name string) *corev1.Secret
	// Services are those of a namespace that have a cluster IP.
	Services(namespace string) []*corev1.Service
}

// Build is a container's environment, "NAME=value", in a stable order. Errors are what people see as
// CreateContainerConfigError.
func Build(p downward.Pod, c *corev1.Container, o Objects) ([]string, error) {
	vars := map[string]string{}
	services(vars, p.Pod, o)
	own := map[string]string{}
	for _, from := range c.EnvFrom {
		if err := whole(own, p.Namespace, from, o); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Env {
		value, ok, err := one(p, c, e, o, func(name string) (string, bool) {
			if v, ok := own[name]; ok {
				return v, true
			}
			v, ok := vars[name]
			return v, ok
		})
		if err != nil {
			return nil, err
		}
		if ok {
			own[e.Name] = value
		}
	}
	for k, v := range own {
		vars[k] = v
	}
	out := make([]string, 0, len(vars))
	for k, v := range vars {
		out = append(out, k+"="+v)
	}
	sort.Strings(out)
	return out, nil
}

// whole adds all of an object's keys that can be names of variables.
func whole(into map[string]string, namespace string, from corev1.EnvFromSource, o Objects) error {
	data := map[string]string{}
	switch {
	case from.ConfigMapRef != nil:
		cm := o.ConfigMap(namespace, from.ConfigMapRef.Name)
		if cm == nil {
			if isTrue(from.ConfigMapRef.Optional) {
				return nil
			}
			return fmt.Errorf("configmap %q not found", from.ConfigMapRef.Name)
		}
		data = cm.Data
	case from.SecretRef != nil:
		s := o.Secret(namespace, from.SecretRef.Name)
		if s == nil {
			if isTrue(from.SecretRef.Optional) {
				return nil
			}
			return fmt.Errorf("secret %q not found", from.SecretRef.Name)
		}
		for k, v := range s.Data {
			data[k] = string(v)
		}
	}
	for k, v := range data {
		if name := from.Prefix + k; len(validation.IsRelaxedEnvVarName(name)) == 0 {
			into[name] = v
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// one is a variable's value; false if an optional source lacks it.
func one(p downward.Pod, c *corev1.Container, e corev1.EnvVar, o Objects, known func(string) (string, bool)) (string, bool, error) {
	if e.ValueFrom == nil {
		return expand(e.Value, known), true, nil
	}
	switch src := e.ValueFrom; {
	case src.FieldRef != nil:
		v, err := p.Field(src.FieldRef.FieldPath)
		return v, true, err
	case src.ResourceFieldRef != nil:
		v, err := p.Resource(c, src.ResourceFieldRef)
		return v, true, err
	case src.ConfigMapKeyRef != nil:
		ref := src.ConfigMapKeyRef
		cm := o.ConfigMap(p.Namespace, ref.Name)
		if cm == nil {
			return "", false, missing(isTrue(ref.Optional), "configmap %q not found", ref.Name)
		}
		if v, ok := cm.Data[ref.Key]; ok {
			return v, true, nil
		}
		return "", false, missing(isTrue(ref.Optional), "couldn't find key %v in ConfigMap %v/%v", ref.Key, p.Namespace, ref.Name)
	case src.SecretKeyRef != nil:
		ref := src.SecretKeyRef
		s := o.Secret(p.Namespace, ref.Name)
		if s == nil {
			return "", false, missing(isTrue(ref.Optional), "secret %q not found", ref.Name)
		}
		if v, ok := s.Data[ref.Key]; ok {
			return string(v), true, nil
		}
		return "", false, missing(isTrue(ref.Optional), "couldn't find key %v in Secret %v/%v", ref.Key, p.Namespace, ref.Name)
	}
	return "", false, nil
}

func missing(optional bool, format string, args ...any) error {
	if optional {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// Expand replaces $(NAME) in command lines by the environment's values; $$ is a dollar sign, and a name
// that isn't known stays as it is written.
func Expand(args, env []string) []string {
	vars := map[string]string{}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		vars[k] = v
	}
	var out []string
	for _, a := range args {
		out = append(out, expand(a, func(n string) (string, bool) { v, ok := vars[n]; return v, ok }))
	}
	return out
}

// ExpandAll is Expand for one text in which every name must be known: a subPathExpr.
func ExpandAll(text string, env []string) (string, error) {
	vars := map[string]string{}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		vars[k] = v
	}
	var unknown string
	out := expand(text, func(n string) (string, bool) {
		v, ok := vars[n]
		if !ok {
			unknown = n
		}
		return v, ok
	})
	if unknown != "" {
		return "", fmt.Errorf("missing value for %q", unknown)
	}
	return out, nil
}

func expand(s string, known func(string) (string, bool)) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		switch s[i+1] {
		case '$':
			b.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(s[i:], ')')
			if end < 0 {
				b.WriteByte('$')
				continue
			}
			if v, ok := known(s[i+2 : i+end]); ok {
				b.WriteString(v)
			} else {
				b.WriteString(s[i : i+end+1])
			}
			i += end
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}

// services adds the variables that tell of services: the API's always, those of the pod's namespace
// unless it declines.
func services(vars map[string]string, p *corev1.Pod, o Objects) {
	add := func(s *corev1.Service) {
		name := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		ip := s.Spec.ClusterIP
		if ip == "" || ip == corev1.ClusterIPNone || len(s.Spec.Ports) == 0 {
			return
		}
		vars[name+"_SERVICE_HOST"] = ip
		vars[name+"_SERVICE_PORT"] = strconv.Itoa(int(s.Spec.Ports[0].Port))
		for i, port := range s.Spec.Ports {
			number := strconv.Itoa(int(port.Port))
			if port.Name != "" {
				vars[name+"_SERVICE_PORT_"+strings.ToUpper(strings.ReplaceAll(port.Name, "-", "_"))] = number
			}
			protocol := strings.ToLower(string(port.Protocol))
			if protocol == "" {
				protocol = "tcp"
			}
			url := protocol + "://" + net.JoinHostPort(ip, number)
			if i == 0 {
				vars[name+"_PORT"] = url
			}
			prefix := name + "_PORT_" + number + "_" + strings.ToUpper(protocol)
			vars[prefix], vars[prefix+"_PROTO"], vars[prefix+"_PORT"], vars[prefix+"_ADDR"] = url, protocol, number, ip
		}
	}
	for _, s := range o.Services(corev1.NamespaceDefault) {
		if s.Name == "kubernetes" {
			add(s)
		}
	}
	if p.Spec.EnableServiceLinks == nil || *p.Spec.EnableServiceLinks {
		for _, s := range o.Services(p.Namespace) {
			add(s)
		}
	}
}
