package assembly

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/common"

	"taffrail.dev/gateway/kind"
)

var connectQuery = map[string][]common.Parameter{
	"log": query(corev1.PodLogOptions{}, map[string]string{
		"container": "string", "follow": "boolean", "insecureSkipTLSVerifyBackend": "boolean", "limitBytes": "integer", "previous": "boolean",
		"sinceSeconds": "integer", "stream": "string", "tailLines": "integer", "timestamps": "boolean",
	}),
	"exec": query(corev1.PodExecOptions{}, map[string]string{
		"command": "string", "container": "string", "stderr": "boolean", "stdin": "boolean", "stdout": "boolean", "tty": "boolean",
	}),
	"attach": query(corev1.PodAttachOptions{}, map[string]string{
		"container": "string", "stderr": "boolean", "stdin": "boolean", "stdout": "boolean", "tty": "boolean",
	}),
	"portforward": query(corev1.PodPortForwardOptions{}, map[string]string{"ports": "integer"}),
	"proxy":       query(corev1.PodProxyOptions{}, map[string]string{"path": "string"}),
}

// connect adds a connection: an operation for each method that opens it, and for a proxy the paths below.
func (w *writer) connect(sub *kind.Subresource, path string, name []common.Parameter, suffix string, gvk schema.GroupVersionKind) {
	if sub.Name == "log" {
		w.add("read", "get", suffix, gvk, &route{
			method: "GET", path: path, description: "read log of the specified " + w.kind.Kind, produces: append([]string{"text/plain"}, media...),
			parameters: slices.Concat(name, connectQuery[sub.Name]), answer: "",
		})
		return
	}
	methods := []string{"GET", "POST"}
	if sub.Name == "proxy" {
		methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
	}
	gvk.Kind += suffix + "Options"
	for _, method := range methods {
		verb := "connect" + method[:1] + strings.ToLower(method[1:])
		opens := func(path, with string, inside []common.Parameter) {
			w.add(verb, "connect", with, gvk, &route{
				method: method, path: path, description: "connect " + method + " requests to " + sub.Name + " of " + w.kind.Kind, produces: anyMedia,
				parameters: slices.Concat(inside, connectQuery[sub.Name]), answer: "",
			})
		}
		opens(path, suffix, name)
		if sub.Name == "proxy" {
			below := append(slices.Clone(name), inPath("path", "path to the resource"))
			opens(path+"/{path}", suffix+"WithPath", below)
		}
	}
}
