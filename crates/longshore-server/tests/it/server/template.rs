//! The registry that most tests begin with, set up once by the real binary and copied.

use std::path::Path;
use std::sync::Arc;

use longshore_content::damage::BLOB_STORE;
use longshore_testkit::stores::SharedStores;
use longshore_testkit::template::{Template, chosen_for};
use rusqlite::Connection;

use super::{Environment, PASSWORD_COST, Server, binary, shared_environment};

/// Lets a data folder that is not there yet, or the database of the folder that it lies in, be that of a registry with the
/// administrator, `alice`, `bob` and `acme`. Its blob store has no id yet, and its passwords are cheap to check.
pub(super) fn copy_to(data: &Path, folder: &Path, stores: Option<&SharedStores>) {
    let template = Template::of(binary(), "server");
    match stores {
        None => {
            if !template.path().exists() {
                make(&template, None);
            }
            std::fs::create_dir_all(data).unwrap();
            template.copy_to(data);
            let database = Connection::open(data.join("longshore.db")).unwrap();
            let set = "UPDATE settings SET value = ?1 WHERE name = ?2";
            database.execute_batch("PRAGMA synchronous = OFF").unwrap();
            assert_eq!(database.execute(set, [&chosen_for(data), BLOB_STORE]).unwrap(), 1);
        }
        Some(stores) => {
            if stores.copy(&template, folder).is_none() {
                make(&template, Some(stores));
                stores.copy(&template, folder).unwrap();
            }
        }
    }
}

fn make(template: &Template, stores: Option<&SharedStores>) {
    let is_made = || stores.map_or_else(|| template.path().exists(), |stores| stores.has(template));
    let Some(making) = template.begin(is_made) else { return };
    // The test's own may be behind something that fails.
    let stores = stores.and_then(|_| SharedStores::find());
    let stores = stores.as_ref();
    let folder = Arc::new(tempfile::tempdir_in(making.folder()).unwrap());
    let data = folder.path().join("data");
    let cheap = (PASSWORD_COST, "1".to_owned());
    let environment: Environment = match stores {
        None => vec![cheap],
        Some(stores) => {
            stores.new_database(folder.path());
            shared_environment(stores, &folder).into_iter().chain([cheap]).collect()
        }
    };
    let mut server = Server::on(folder, data, Vec::new(), None, environment);
    server.create_accounts();
    assert!(server.stop().success());
    for name in ["longshore.db", "sealing.key"] {
        let from = server.data().join(name);
        if from.exists() {
            std::fs::rename(from, making.folder().path().join(name)).unwrap();
        }
    }
    let folder = Arc::clone(&server.folder);
    drop(server);
    match stores {
        None => {
            drop(folder);
            template.finish(making);
        }
        Some(stores) => stores.finish(template, folder.path()),
    }
}
