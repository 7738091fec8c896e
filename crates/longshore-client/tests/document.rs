//! The client calls what the API's document has.
#![expect(clippy::unwrap_used, reason = "in a test")]

use std::collections::BTreeMap;

use longshore_client::operations::OPERATIONS;
use serde_json::Value;

/// What the document says of each operation: method, path, and the parameters of the query.
fn documented() -> BTreeMap<String, (String, String, Vec<String>)> {
    let document: Value =
        serde_json::from_str(include_str!("../../longshore-api-native/openapi.json")).unwrap();
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().unwrap();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            operations.insert(
                operation["operationId"].as_str().unwrap().to_owned(),
                (
                    method.to_ascii_uppercase(),
                    path.clone(),
                    query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
                ),
            );
        }
    }
    operations
}

#[test]
fn the_client_calls_every_operation_of_the_document_and_no_other() {
    let called: BTreeMap<_, _> = OPERATIONS
        .iter()
        .map(|operation| {
            let query: Vec<String> = operation.query.iter().map(ToString::to_string).collect();
            (operation.id.to_owned(), (operation.method.to_string(), operation.path.to_owned(), query))
        })
        .collect();
    assert_eq!(called, documented());
    assert_eq!(called.len(), OPERATIONS.len());
}
