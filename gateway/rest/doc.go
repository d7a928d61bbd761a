// Package rest makes an API of kinds: it routes requests, negotiates formats, decides writes and
// appends them to the journal, and answers reads from the view.
//
// HTTP and the command endpoint are two small fronts of the same path: both make a
// Call and let the Server Do it.
package rest
