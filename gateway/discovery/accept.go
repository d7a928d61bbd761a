package discovery

import (
	"mime"
	"strconv"
	"strings"
)

type form uint8

const (
	formNone form = iota
	formJSON
	formProtobuf
)

// choice is the form of a document that a client gets.
type choice struct {
	form       form
	aggregated string
}

// choose reads an Accept header: the first of the types with the greatest weight that can be served. No
// header accepts all.
func choose(accept string, d *document) choice {
	if strings.TrimSpace(accept) == "" {
		return choice{form: formJSON}
	}
	best, weight := choice{}, -1.0
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := parameters["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if c := offer(media, parameters, d); c.form != formNone && q > 0 && q > weight {
			best, weight = c, q
		}
	}
	return best
}

func offer(media string, parameters map[string]string, d *document) choice {
	switch media {
	case "application/json":
		if parameters["as"] == "" {
			return choice{form: formJSON}
		}
		version := parameters["v"]
		if parameters["as"] == "APIGroupDiscoveryList" && parameters["g"] == "apidiscovery.k8s.io" && d.aggregated[version] != nil {
			return choice{formJSON, version}
		}
	case "application/*", "*/*":
		return choice{form: formJSON}
	case contentProtobuf:
		if d.protobuf != nil && parameters["as"] == "" {
			return choice{form: formProtobuf}
		}
	}
	return choice{}
}
