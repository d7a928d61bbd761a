package kind

// Rounds is what a write's admission knows of its two rounds: a change by a webhook or a policy lets the plugins run
// once more, so that those before it see it.
type Rounds struct {
	// Second says that this is the second round.
	Second bool
	// Wanted says that something changed that earlier plugins may want to see.
	Wanted bool
	// Kept is the plugins' own, by name.
	Kept map[string]any
}

// RoundsOf are the request's rounds.
func (r *Request) RoundsOf() *Rounds {
	if r.Rounds == nil {
		r.Rounds = &Rounds{Kept: map[string]any{}}
	}
	return r.Rounds
}
