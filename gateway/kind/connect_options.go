package kind

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The options below are what admission sees of a connection: what the query and the path ask for.

// isAsked reads a boolean as Kubernetes does: present and empty, and anything but "0" and "false", is true.
func isAsked(query url.Values, name string) bool {
	values := query[name]
	return len(values) > 0 && values[0] != "0" && !strings.EqualFold(values[0], "false")
}

func execOptions(r *http.Request) runtime.Object {
	q := r.URL.Query()
	o := &corev1.PodExecOptions{
		Stdin: isAsked(q, "stdin"), Stdout: isAsked(q, "stdout"), Stderr: isAsked(q, "stderr"), TTY: isAsked(q, "tty"),
		Container: q.Get("container"), Command: q["command"],
	}
	o.APIVersion, o.Kind = "v1", "PodExecOptions"
	return o
}

func attachOptions(r *http.Request) runtime.Object {
	q := r.URL.Query()
	o := &corev1.PodAttachOptions{
		Stdin: isAsked(q, "stdin"), Stdout: isAsked(q, "stdout"), Stderr: isAsked(q, "stderr"), TTY: isAsked(q, "tty"),
		Container: q.Get("container"),
	}
	o.APIVersion, o.Kind = "v1", "PodAttachOptions"
	return o
}

func portForwardOptions(r *http.Request) runtime.Object {
	o := &corev1.PodPortForwardOptions{}
	o.APIVersion, o.Kind = "v1", "PodPortForwardOptions"
	for _, list := range r.URL.Query()["ports"] {
		for text := range strings.SplitSeq(list, ",") {
			if port, err := strconv.ParseInt(text, 10, 32); err == nil {
				o.Ports = append(o.Ports, int32(port))
			}
		}
	}
	return o
}

func podProxyOptions(r *http.Request) runtime.Object {
	o := &corev1.PodProxyOptions{Path: proxiedPath(r, 7)}
	o.APIVersion, o.Kind = "v1", "PodProxyOptions"
	return o
}

func serviceProxyOptions(r *http.Request) runtime.Object {
	o := &corev1.ServiceProxyOptions{Path: proxiedPath(r, 7)}
	o.APIVersion, o.Kind = "v1", "ServiceProxyOptions"
	return o
}

func nodeProxyOptions(r *http.Request) runtime.Object {
	o := &corev1.NodeProxyOptions{Path: proxiedPath(r, 5)}
	o.APIVersion, o.Kind = "v1", "NodeProxyOptions"
	return o
}

// proxiedPath is the part of a URL behind ".../proxy", which is the path's token of that number.
func proxiedPath(r *http.Request, token int) string {
	path := r.URL.Path
	for range token {
		_, rest, ok := strings.Cut(path[min(1, len(path)):], "/")
		if !ok {
			return ""
		}
		path = "/" + rest
	}
	return path
}
