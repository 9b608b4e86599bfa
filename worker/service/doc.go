// Package service answers customers' calls with the apps that this node serves:
// programs that speak HTTP/1.1 on their standard input and output, run by one of
// the runtimes, or HTTP servers that run on this machine already.
//
// Calls wait in a bounded queue, in which customers take turns. What an app does
// wrong (it dies, says what is no HTTP, is too slow or endless) fails the call,
// which costs nothing then. What one customer's requests do to a process is not
// let to others: a process in the middle of an answer that nobody wants is killed
// and replaced. A process answers calls of several customers, one after the other:
// what an app remembers between them is the app's own matter.
package service
