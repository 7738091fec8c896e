//! Use cases on real stores: SQLite and a folder, with a clock that is moved by hand and faults on call.

mod accounts;
mod collection;
mod collection_property;
mod manifests;
mod permissions;
mod tokens;
mod uploads;
