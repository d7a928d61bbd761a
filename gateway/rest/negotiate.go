package rest

import (
	"mime"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

type media int

const (
	mediaJSON media = iota
	mediaYAML
	mediaProtobuf
)

const (
	contentJSON     = "application/json"
	contentYAML     = "application/yaml"
	contentProtobuf = "application/vnd.kubernetes.protobuf"
)

// shape is what a client wants objects shown as.
type shape int

const (
	asObject shape = iota
	asTable
	asPartial
)

// format is how an answer is encoded.
type format struct {
	media  media
	shape  shape
	pretty bool
}

func (f format) contentType() string {
	switch f.media {
	case mediaYAML:
		return contentYAML
	case mediaProtobuf:
		return contentProtobuf
	}
	return contentJSON
}

// negotiate picks the first acceptable clause of an Accept header; false if there is none. Objects of
// text kinds have no protobuf.
func negotiate(r *http.Request, text bool) (format, bool) {
	accept := r.Header.Get("Accept")
	if text && strings.Contains(accept, contentProtobuf) {
		f, ok := parseAccept(accept, text)
		f.pretty = f.media == mediaJSON && wantsPretty(r)
		return f, ok
	}
	switch accept {
	case "", "*/*", contentJSON, "application/json, */*":
		return format{pretty: wantsPretty(r)}, true
	case contentProtobuf, contentProtobuf + ",application/json", contentProtobuf + ", application/json":
		return format{media: mediaProtobuf}, true
	default:
		f, ok := parseAccept(accept, text)
		f.pretty = f.media == mediaJSON && wantsPretty(r)
		return f, ok
	}
}

func wantsPretty(r *http.Request) bool {
	if strings.Contains(r.URL.RawQuery, "pretty=") {
		on, err := strconv.ParseBool(r.URL.Query().Get("pretty"))
		return err == nil && on
	}
	agent := r.Header.Get("User-Agent")
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

func parseAccept(accept string, plain bool) (format, bool) {
	type clause struct {
		format
		quality float64
	}
	var clauses []clause
	for _, text := range strings.Split(accept, ",") {
		kind, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		f, ok := formatOf(kind, params)
		if !ok || plain && f.media == mediaProtobuf && f.shape == asObject {
			continue
		}
		quality := 1.0
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			quality = q
		}
		clauses = append(clauses, clause{f, quality})
	}
	if len(clauses) == 0 {
		return format{}, false
	}
	sort.SliceStable(clauses, func(i, j int) bool { return clauses[i].quality > clauses[j].quality })
	return clauses[0].format, true
}

func formatOf(kind string, params map[string]string) (f format, ok bool) {
	switch kind {
	case contentJSON, "*/*", "application/*":
		f.media = mediaJSON
	case contentYAML, "application/x-yaml":
		f.media = mediaYAML
	case contentProtobuf:
		f.media = mediaProtobuf
	default:
		return f, false
	}
	as := params["as"]
	if as == "" {
		return f, true
	}
	if params["g"] != "meta.k8s.io" || params["v"] != "v1" {
		return f, false
	}
	switch {
	case as == "Table" && f.media != mediaProtobuf:
		f.shape = asTable
	case as == "PartialObjectMetadata" || as == "PartialObjectMetadataList":
		f.shape = asPartial
	default:
		return f, false
	}
	return f, true
}
