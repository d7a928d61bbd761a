package processtest

// merge applies a JSON merge patch. A strategic one also merges lists of objects by
// the field that names their items in Kubernetes.
func merge(target, patch any, strategic bool) any {
	switch p := patch.(type) {
	case map[string]any:
		t, _ := target.(map[string]any)
		out := copyOf(t)
		for key, value := range p {
			if value == nil {
				delete(out, key)
			} else {
				out[key] = merge(out[key], value, strategic)
			}
		}
		return out
	case []any:
		if t, ok := target.([]any); ok && strategic {
			return mergeLists(t, p)
		}
	}
	return patch
}

func mergeLists(target, patch []any) any {
	field := mergeKey(append(patch[:len(patch):len(patch)], target...))
	if field == "" {
		return patch
	}
	out := append([]any(nil), target...)
	for _, item := range patch {
		p := item.(map[string]any)
		at := -1
		for i, existing := range out {
			if existing.(map[string]any)[field] == p[field] {
				at = i
			}
		}
		switch {
		case p["$patch"] == "delete" && at >= 0:
			out = append(out[:at], out[at+1:]...)
		case p["$patch"] == "delete":
		case at >= 0:
			out[at] = merge(out[at], p, true)
		default:
			out = append(out, item)
		}
	}
	return out
}

// mergeKey is the field that tells all items apart, "" if none does.
func mergeKey(items []any) string {
fields:
	for _, field := range []string{"uid", "name", "type", "ip", "key", "containerPort", "port"} {
		for _, item := range items {
			m, ok := item.(map[string]any)
			if !ok || m[field] == nil {
				continue fields
			}
		}
		return field
	}
	return ""
}
