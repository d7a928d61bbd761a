package connect

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// session is what exec and attach are asked for.
type session struct {
	stdin, stdout, stderr, tty bool
	command                    []string
}

func newSession(query url.Values, command bool) (*session, error) {
	o := &session{}
	for name, into := range map[string]*bool{"stdin": &o.stdin, "stdout": &o.stdout, "stderr": &o.stderr, "tty": &o.tty} {
		flag(query, name, into)
	}
	if !o.stdin && !o.stdout && !o.stderr {
		return nil, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	if command {
		o.command = query["command"]
		if len(o.command) == 0 {
			return nil, apierrors.NewBadRequest("you must specify at least one command for the container")
		}
	}
	// A terminal has one output.
	o.stderr = o.stderr && !o.tty
	return o, nil
}

// kubelet is how the kubelet API wants the options.
func (o *session) kubelet() url.Values {
	query := url.Values{}
	for name, set := range map[string]bool{"input": o.stdin, "output": o.stdout, "error": o.stderr, "tty": o.tty} {
		if set {
			query.Set(name, "1")
		}
	}
	if len(o.command) > 0 {
		query["command"] = o.command
	}
	return query
}

// flag reads a boolean as Kubernetes does: present and empty, and anything but "0" and "false", is true.
func flag(query url.Values, name string, into *bool) {
	values, ok := query[name]
	if !ok || len(values) == 0 {
		return
	}
	switch strings.ToLower(values[0]) {
	case "false", "0":
		*into = false
	default:
		*into = true
	}
}

func number(query url.Values, name string, into **int64, all *field.ErrorList) {
	text := query.Get(name)
	if text == "" {
		return
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		*all = append(*all, field.Invalid(field.NewPath(name), text, "must be an integer"))
		return
	}
	*into = &n
}

func logOptions(pod string, query url.Values) (*corev1.PodLogOptions, error) {
	o := &corev1.PodLogOptions{Container: query.Get("container")}
	var all field.ErrorList
	for name, into := range map[string]*bool{"follow": &o.Follow, "previous": &o.Previous, "timestamps": &o.Timestamps} {
		flag(query, name, into)
	}
	for name, into := range map[string]**int64{"sinceSeconds": &o.SinceSeconds, "tailLines": &o.TailLines, "limitBytes": &o.LimitBytes} {
		number(query, name, into, &all)
	}
	if text := query.Get("sinceTime"); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			all = append(all, field.Invalid(field.NewPath("sinceTime"), text, err.Error()))
		} else {
			o.SinceTime = &metav1.Time{Time: since}
		}
	}
	if stream := query.Get("stream"); stream != "" {
		o.Stream = &stream
	}
	all = append(all, validateLog(o)...)
	if len(all) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "PodLogOptions"}, pod, all)
	}
	return o, nil
}

func validateLog(o *corev1.PodLogOptions) (all field.ErrorList) {
	if o.TailLines != nil && *o.TailLines < 0 {
		all = append(all, field.Invalid(field.NewPath("tailLines"), *o.TailLines, "must be greater than or equal to 0"))
	}
	if o.LimitBytes != nil && *o.LimitBytes < 1 {
		all = append(all, field.Invalid(field.NewPath("limitBytes"), *o.LimitBytes, "must be greater than 0"))
	}
	switch {
	case o.SinceSeconds != nil && o.SinceTime != nil:
		all = append(all, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
	case o.SinceSeconds != nil && *o.SinceSeconds < 1:
		all = append(all, field.Invalid(field.NewPath("sinceSeconds"), *o.SinceSeconds, "must be greater than 0"))
	}
	if o.Stream == nil {
		return all
	}
	switch *o.Stream {
	case corev1.LogStreamAll:
	case corev1.LogStreamStdout, corev1.LogStreamStderr:
		if o.TailLines != nil {
			all = append(all, field.Forbidden(field.NewPath(""), "`tailLines` and specific `stream` are mutually exclusive for now"))
		}
	default:
		all = append(all, field.NotSupported(field.NewPath("stream"), *o.Stream, []string{corev1.LogStreamAll, corev1.LogStreamStdout, corev1.LogStreamStderr}))
	}
	return all
}

func kubeletLogQuery(o *corev1.PodLogOptions) url.Values {
	query := url.Values{}
	for name, set := range map[string]bool{"follow": o.Follow, "previous": o.Previous, "timestamps": o.Timestamps} {
		if set {
			query.Set(name, "true")
		}
	}
	for name, n := range map[string]*int64{"sinceSeconds": o.SinceSeconds, "tailLines": o.TailLines, "limitBytes": o.LimitBytes} {
		if n != nil {
			query.Set(name, strconv.FormatInt(*n, 10))
		}
	}
	if o.SinceTime != nil {
		query.Set("sinceTime", o.SinceTime.Format(time.RFC3339))
	}
	if o.Stream != nil {
		query.Set("stream", *o.Stream)
	}
	return query
}

// forwardedPorts are those that a web socket names; SPDY names them per stream.
func forwardedPorts(query url.Values) ([]string, error) {
	var ports []string
	for _, list := range query["ports"] {
		for text := range strings.SplitSeq(list, ",") {
			if port, err := strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("%q is not a port", text))
			}
			ports = append(ports, text)
		}
	}
	return ports, nil
}
