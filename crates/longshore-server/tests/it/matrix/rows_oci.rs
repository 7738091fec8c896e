//! How the operations of the OCI dialect and of the token service are asked for.

use longshore_api_oci::routes::OperationKind;
use longshore_testkit::images::image;

use super::door::Door;
use super::rows::Row;
use super::world::{Hands, Vars, push};
use crate::server::Answer;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const REPOSITORY: &str = "/v2/{org}/{repository}";

fn vars<const N: usize>(pairs: [(&str, String); N]) -> Vars {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Pushes an image under a tag of its own.
pub fn fresh_image(hands: &Hands<'_>) -> Vars {
    let tag = format!("t{}", hands.number());
    let (digest, blob) = push(hands.server, hands.docker(), "acme/app", &tag, &tag);
    vars([("tag", tag), ("digest", digest), ("blob", blob)])
}

fn fresh_blob(hands: &Hands<'_>) -> Vars {
    let content = format!("blob {}", hands.number());
    let digest = hands.server.push_blob(hands.docker(), "acme/app", content.as_bytes());
    vars([("blob", digest.to_string())])
}

fn fresh_upload(hands: &Hands<'_>) -> Vars {
    let path = "/v2/acme/app/blobs/uploads/";
    let begun = hands.server.send("POST", path, hands.docker(), &[], b"").expect(202);
    vars([("upload", begun.header("docker-upload-uuid").to_owned())])
}

fn unmount(hands: &Hands<'_>) {
    let digest = &hands.world.homes["acme"]["vault-blob"];
    hands.server.send("DELETE", &format!("/v2/acme/app/blobs/{digest}"), hands.docker(), &[], b"");
}

/// What a token was given for, as `actions name`.
fn granted(answer: &Answer) -> Vec<String> {
    let scope = answer.json()["scope"].as_str().unwrap_or_default().to_owned();
    scope.split_whitespace().filter_map(|scope| Some(scope.rsplit_once(':')?.1.to_owned())).collect()
}

/// Returns the rows of an operation; none for one that is not known here.
pub fn rows(kind: OperationKind) -> Vec<Row> {
    let (name, _, method, _, _) = kind.row();
    let at = |path: &str| Row::new(Door::Oci, name, method, &format!("{REPOSITORY}{path}"));
    let x = longshore_testkit::images::digest_of("x");
    match kind {
        OperationKind::Ping => vec![Row::new(Door::Oci, name, method, "/v2/")],
        OperationKind::GetBlob | OperationKind::HeadBlob => vec![at("/blobs/{blob}")],
        OperationKind::GetManifest => {
            let at =
                |repository: &str| Row::new(Door::Oci, name, method, &format!("{repository}/manifests/v1"));
            vec![
                at(REPOSITORY),
                at("/v2/{org}/vault").named("vault"),
                at("/v2/{org}/public").named("public"),
                at("/v2/globex/app").named("globex"),
            ]
        }
        OperationKind::HeadManifest => vec![at("/manifests/{tag}")],
        OperationKind::DeleteBlob => vec![at("/blobs/{blob}").made(fresh_blob)],
        OperationKind::PutManifest => {
            let manifest = image(b"{\"note\":\"acme/app\"}", &[]);
            vec![at("/manifests/put{n}").raw(MANIFEST, manifest)]
        }
        OperationKind::DeleteManifest => vec![
            at("/manifests/{digest}").made(fresh_image),
            at("/manifests/{tag}").named("tag").made(fresh_image),
        ],
        OperationKind::BeginUpload => vec![
            at("/blobs/uploads/"),
            Row::new(Door::Oci, name, method, "/v2/{org}/made{n}/blobs/uploads/").named("new"),
            at("/blobs/uploads/?mount={vault-blob}&from={org}/vault").named("mount").after(unmount),
            at("/blobs/uploads/?mount={vault-blob}").named("mount-any").after(unmount),
        ],
        OperationKind::GetUpload => vec![at("/blobs/uploads/{upload}")],
        OperationKind::AppendToUpload => {
            vec![at("/blobs/uploads/{upload}").raw("application/octet-stream", "x".into()).made(fresh_upload)]
        }
        OperationKind::FinishUpload => vec![
            at(&format!("/blobs/uploads/{{upload}}?digest={x}"))
                .raw("application/octet-stream", "x".into())
                .made(fresh_upload),
        ],
        OperationKind::CancelUpload => vec![at("/blobs/uploads/{upload}").made(fresh_upload)],
        OperationKind::ListTags => vec![at("/tags/list").names("tags/*")],
        OperationKind::ListReferrers => vec![at("/referrers/{digest}")],
        OperationKind::ListRepositories => {
            vec![Row::new(Door::Oci, name, method, "/v2/_catalog?n=100").names("repositories/*")]
        }
        OperationKind::Token => {
            let at = |name: &str, scope: &str| {
                let path = format!("/token?service=longshore&scope={scope}");
                let row = Row::new(Door::Oci, "token", "GET", &path).names_by(granted);
                if name.is_empty() { row } else { row.named(name) }
            };
            vec![
                at("", "repository:{org}/app:pull,push,delete"),
                at("vault", "repository:{org}/vault:pull,push,delete"),
                at("public", "repository:{org}/public:pull,push,delete"),
                at("new", "repository:{org}/new:pull,push,delete"),
                at("globex", "repository:globex/app:pull,push,delete"),
            ]
        }
        OperationKind::Unknown => Vec::new(),
    }
}
