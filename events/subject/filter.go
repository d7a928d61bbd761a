package subject

// FilterIn matches the subjects of all objects of a namespace, of any resource.
func (s Stream) FilterIn(namespace string) string {
	return join(s.Prefix()+".*.*", namespace) + ".*"
}
