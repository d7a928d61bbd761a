package endpoints

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

func endpointNamed(n int) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{fmt.Sprintf("10.0.%d.%d", n/250, n%250)},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: fmt.Sprint(n), UID: types.UID(fmt.Sprint(n))},
	}
}

func wantedOf(numbers ...int) groups {
	port := int32(80)
	g := groups{}
	group := g.of(discoveryv1.AddressTypeIPv4, []discoveryv1.EndpointPort{{Port: &port}})
	for _, n := range numbers {
		group.endpoints = append(group.endpoints, endpointNamed(n))
	}
	if len(numbers) == 0 {
		return groups{}
	}
	return g
}

func span(from, to int) (out []int) {
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

// stored keeps slices as the gateway would.
type stored struct {
	slices []*discoveryv1.EndpointSlice
	made   int
}

func (w *stored) pack(want groups) packing {
	like := template(&corev1.Service{})
	p := pack(slices.Clone(w.slices), want, like, []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4})
	for _, s := range p.create {
		w.made++
		s.Name = fmt.Sprintf("s%03d", w.made)
		w.slices = append(w.slices, s)
	}
	for _, u := range p.update {
		at := slices.IndexFunc(w.slices, func(s *discoveryv1.EndpointSlice) bool { return s.Name == u.Name })
		w.slices[at] = u
	}
	for _, r := range p.remove {
		w.slices = slices.DeleteFunc(w.slices, func(s *discoveryv1.EndpointSlice) bool { return s.Name == r.Name })
	}
	return p
}

func (w *stored) fills() (out []int) {
	for _, s := range w.slices {
		out = append(out, len(s.Endpoints))
	}
	return out
}

func TestPackWritesLittle(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		name                   string
		before, after          []int
		create, update, remove int
		fills                  []int
	}{
		{"a placeholder", nil, nil, 1, 0, 0, []int{0}},
		{"the first endpoint takes the placeholder", []int{}, span(0, 1), 0, 1, 0, []int{1}},
		{"the last endpoint leaves it", span(0, 1), []int{}, 0, 1, 0, []int{0}},
		{"two and a half slices", []int{}, span(0, 250), 2, 1, 0, []int{100, 100, 50}},
		{"one more goes where there is room", span(0, 250), span(0, 251), 0, 1, 0, []int{100, 100, 51}},
		{"a replaced one takes its place", span(0, 250), append(span(1, 250), 300), 0, 1, 0, []int{100, 100, 50}},
		{"more than there is room for goes to a new one", span(0, 199), span(0, 260), 1, 0, 0, []int{100, 99, 61}},
		{"an emptied slice goes", span(0, 200), span(100, 200), 0, 0, 1, []int{100}},
		{"nothing changes", span(0, 250), span(0, 250), 0, 0, 0, []int{100, 100, 50}},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			w := &stored{}
			if step.before != nil {
				w.pack(wantedOf())
				w.pack(wantedOf(step.before...))
			}
			p := w.pack(wantedOf(step.after...))
			if len(p.create) != step.create || len(p.update) != step.update || len(p.remove) != step.remove {
				t.Errorf("%d creates, %d updates, %d removes; not %d, %d, %d", len(p.create), len(p.update), len(p.remove), step.create, step.update, step.remove)
			}
			fills := w.fills()
			slices.SortFunc(fills, func(a, b int) int { return b - a })
			if want := slices.Sorted(slices.Values(step.fills)); !slices.Equal(slices.Sorted(slices.Values(fills)), want) {
				t.Errorf("slices hold %v, not %v", fills, step.fills)
			}
		})
	}
}

// TestPackHoldsWhatIsWanted walks at random: every wanted endpoint is in one slice, once, and a second
// packing writes nothing.
func TestPackHoldsWhatIsWanted(t *testing.T) {
	t.Parallel()
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	w := &stored{}
	for step := range 200 {
		n := r.IntN(600)
		numbers := r.Perm(700)[:n]
		slices.Sort(numbers)
		w.pack(wantedOf(numbers...))
		seen := map[identity]bool{}
		for _, s := range w.slices {
			if len(s.Endpoints) > capacity {
				t.Fatalf("seed %d step %d: a slice of %d", seed, step, len(s.Endpoints))
			}
			for i := range s.Endpoints {
				if seen[name(&s.Endpoints[i])] {
					t.Fatalf("seed %d step %d: an endpoint twice", seed, step)
				}
				seen[name(&s.Endpoints[i])] = true
			}
		}
		if len(seen) != n {
			t.Fatalf("seed %d step %d: %d endpoints, not %d", seed, step, len(seen), n)
		}
		if p := w.pack(wantedOf(numbers...)); len(p.create)+len(p.update)+len(p.remove) > 0 {
			t.Fatalf("seed %d step %d: packing is not stable", seed, step)
		}
	}
}
