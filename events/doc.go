// Package events is what "the journal" means in Go: the subjects that objects
// live on, the envelope, the journal contract, folds over it, the loop that every
// service runs, and the bus that carries it all.
package events
