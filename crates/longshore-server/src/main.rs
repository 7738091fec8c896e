//! The `longshore` binary: the server, administration commands, and client commands.
//!
//! Read `wiring` first: it builds adapters, services and dialects.

mod admin_socket;
mod clients;
mod commands;
mod config;
mod connections;
mod data_folder;
mod descriptors;
mod disk;
mod dispatch;
mod doctor;
mod exposition;
mod http_server;
mod jobs;
mod mail;
mod migration;
mod outcome;
mod pages;
mod readiness;
mod registry;
mod serve;
mod system;
mod telemetry;
mod tls;
mod traces;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use longshore_cli::failure;

// Less CPU and memory under load than the system's allocator; matters most with musl.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    // One provider for server and client; a second install would be a second provider in the tree.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let is_verbose = arguments.is_verbose();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            telemetry::last_word(&format!("longshore: {}", failure::explain(&error, is_verbose)));
            failure::exit_of(&error).into()
        }
    }
}
