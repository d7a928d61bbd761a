// Package nftables is the dataplane in the kernel's packet filter, one table of its own.
//
// A connection's frontend (address, protocol, port) is looked up in the verdict map `services`, whose
// verdict is one of a few chains shared by all services, told apart by what they do: draw a number
// below the count of backends, mark for masquerading, remember the client. The chain then looks
// up frontend and number in the map `backends`. So a service is only elements, one and one for each backend; a
// change is a transaction of as many elements as changed, whatever the size of the table.
package nftables
