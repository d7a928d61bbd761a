// Package crd makes kinds of CustomResourceDefinitions while the gateway runs: what users define is
// routed, stored, watched, patched and published as every kind is.
//
// A Registry folds the definitions and tells who serves kinds which have come and gone. What a definition's
// schemas say is compiled when it is first needed. A Keeper deletes the objects of definitions that are being
// deleted, and gives names that have become free to who waits for them.
package crd
