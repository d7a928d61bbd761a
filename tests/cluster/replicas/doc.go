// Package replicas runs three gateways on a journal of three servers, all processes of their own, and has
// faults befall them under load. What clients saw is then held against one order of all
// that happened.
package replicas
