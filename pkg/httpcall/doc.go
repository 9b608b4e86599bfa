// Package httpcall carries HTTP in calls: a call's body is an HTTP/1.1 request as
// it stands on the wire, and its answer is an HTTP/1.1 response whose body goes on
// until the answer ends. So a receipt's digests are over the very bytes that an
// app was asked and has answered, and any app that speaks HTTP can be called.
//
// Only the headers that say what a body is come along: who the customer is, his
// API key and his cookies stay where they are.
package httpcall
