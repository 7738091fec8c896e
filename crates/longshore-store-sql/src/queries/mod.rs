//! The statements, one file per noun, each text written once for both engines.

mod accounts;
mod blobs;
mod collection;
mod events;
mod manifests;
mod repositories;
mod sign_ins;
mod strays;
mod tags;
mod tokens;
mod uploads;

use longshore_domain::page::PageSize;

/// One entry more than the page holds, to see whether more follow.
fn overfull(size: PageSize) -> u32 {
    size.get() + 1
}
