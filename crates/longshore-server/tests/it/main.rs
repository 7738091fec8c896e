//! End to end: the real binary, real sockets, real clients, restarts and kills.

mod administration;
mod clients;
mod crash;
mod oci;
mod operation;
mod refusals;
mod server;
