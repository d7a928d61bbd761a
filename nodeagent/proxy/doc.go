// Package proxy makes services reachable from a node: it folds services, endpoint slices and
// nodes into virtual servers, compares these with what the kernel was told, and tells a
// dataplane the difference. What it tells a kernel at first is the same difference, to nothing.
package proxy
