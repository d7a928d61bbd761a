// Package view is the gateway's memory: per resource an immutable tree of the live
// objects as they are stored, the recent events, and the watchers fed from these.
//
// One goroutine per stream folds the journal into it; readers take a published
// root and never lock. An object's protobuf is kept once, with its
// resourceVersion spliced on (see splice.go), and shared by every get, list and watch.
package view
