package crd

import (
	"crypto/sha512"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/gateway/discovery/openapi/assembly"
	"taffrail.dev/gateway/kind"
)

// parts keeps what a definition adds to OpenAPI v2's document, which is of all definitions, while
// the definition lasts.
type parts struct {
	mu   sync.Mutex // guards made
	made map[*definition]*assembly.Part
}

// OpenAPI is what is published of the kinds served at one time: tags by "apis/example.com/v1" that change with
// the kinds, and documents made when asked for.
type OpenAPI struct {
	registry *Registry
	versions map[string][]*version
	all      []*definition
}

// OpenAPI describes the kinds as of now.
func (r *Registry) OpenAPI() *OpenAPI {
	o := &OpenAPI{registry: r, versions: map[string][]*version{}}
	for _, d := range r.definitions() {
		if len(d.kinds) == 0 {
			continue
		}
		o.all = append(o.all, d)
		for i := range d.versions {
			if v := (&version{d, &d.versions[i]}); v.Served {
				path := "apis/" + d.group + "/" + v.Name
				o.versions[path] = append(o.versions[path], v)
			}
		}
	}
	return o
}

// Tags of the group versions.
func (o *OpenAPI) Tags() map[string]string {
	out := make(map[string]string, len(o.versions))
	for path, versions := range o.versions {
		sum := sha512.New()
		for _, v := range versions {
			v.definition.sign(sum)
		}
		out[path] = fmt.Sprintf("%X", sum.Sum(nil))
	}
	return out
}

// Tag of all together.
func (o *OpenAPI) Tag() string {
	sum := sha512.New()
	for _, d := range o.all {
		d.sign(sum)
	}
	return fmt.Sprintf("%X", sum.Sum(nil))
}

// sign writes what every replica knows alike of a definition, and what changes with what it serves.
func (d *definition) sign(to interface{ Write([]byte) (int, error) }) {
	fmt.Fprintf(to, "%s %s %d %t %v\n", d.name, d.uid, d.generation, d.terminating, d.names)
}

// GroupVersion is v3's document of a path that Tags has, of the gateway's own kinds there too.
func (o *OpenAPI) GroupVersion(path string, own []*kind.Kind) (assembly.Document, error) {
	models := map[string]*spec.Schema{}
	kinds := append([]*kind.Kind(nil), own...)
	for _, v := range o.versions[path] {
		if err := v.describe(models, false); err != nil {
			return assembly.Document{}, err
		}
		kinds = append(kinds, v.served())
	}
	return assembly.GroupVersion(kinds, models)
}

// Parts are what the kinds add to v2's document.
func (o *OpenAPI) Parts() ([]*assembly.Part, error) {
	p := &o.registry.parts
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*assembly.Part, len(o.all))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, d := range o.all {
		if out[i] = p.made[d]; out[i] != nil {
			continue
		}
		group.Go(func() (err error) {
			out[i], err = d.part()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.made = make(map[*definition]*assembly.Part, len(o.all)) // without those of definitions that are gone
	for i, d := range o.all {
		p.made[d] = out[i]
	}
	return out, nil
}

// part has all of a definition's versions.
func (d *definition) part() (*assembly.Part, error) {
	all := &assembly.Part{Parameters: map[string]assembly.Document{}}
	for i := range d.versions {
		v := &version{d, &d.versions[i]}
		if !v.Served {
			continue
		}
		models := map[string]*spec.Schema{}
		if err := v.describe(models, true); err != nil {
			return nil, err
		}
		one, err := assembly.PartOf([]*kind.Kind{v.served()}, models)
		if err != nil {
			return nil, err
		}
		all.Add(&one)
	}
	return all, nil
}

func (v *version) describe(models map[string]*spec.Schema, v2 bool) error {
	c, err := v.schema(v.Name)
	if err != nil {
		return err
	}
	gvk := v.gvk(v.Name)
	models[kind.NewCustom(gvk).OpenAPIModelName()] = modelOf(c, gvk, v2)
	return nil
}

// served is the version's kind.
func (v *version) served() *kind.Kind {
	for _, k := range v.kinds {
		if k.Version == v.Name {
			return k
		}
	}
	return nil
}
