// Command hotupgrade-launcher is PID 1 of an app's container. It owns the app's listening sockets,
// runs process generations of the app, and steers new connections among them.
//
// # Invariants
//
//  1. Every listening socket that an app serves on is the launcher's own (a slot); an app borrows a
//     copy. A slot is never closed while the launcher runs, so what the kernel queued on it is not
//     reset, and nobody is refused while the app is restarted. It is shut down only where nobody will
//     serve: the app closed its listener, or crashed again and waits long to be restarted.
//  2. The kernel's order of the sockets in a reuseport group is the order of group.order. The program
//     attached to the group returns an index into it, and is attached before a second member listens.
//  3. A process generation gets no user's connection before its weight is above 0. Its probe ports
//     reach it at any weight, from this host only.
//  4. Until an upgrade is promoted the old process generation is alive and unsignalled.
//  5. A process is told to stop only after its accept queue ran empty; what is queued on a slot whose
//     process is gone is accepted here and passed on to the one that serves.
//  6. The file that is exec'd is the descriptor that was hashed.
//  7. Nothing a peer on the socket, or the app, says makes the launcher exit.
package main
