//! The table of all settings: `docs/configuration.md` is generated from it.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; empty for "not set".
    Text,
    /// Text that is never shown.
    Secret,
    /// A whole number, 0 or more.
    Number,
    /// `true` or `false`.
    Truth,
    /// Several texts; with commas in an environment variable.
    List,
}

/// One setting: key, kind, default as in TOML, explanation.
pub struct Setting {
    /// Key, with a dot after its section.
    pub key: &'static str,
    /// What a value is.
    pub kind: Kind,
    /// Default as in TOML.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn setting(key: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
    Setting { key, kind, default, help }
}

/// All settings.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data",
        Kind::Text,
        "\"./longshore-data\"",
        "Folder of database and blobs; made when it does not exist.",
    ),
    setting("listen", Kind::Text, "\"127.0.0.1:5000\"", "Address and port to listen on."),
    setting(
        "public_url",
        Kind::Text,
        "\"\"",
        "URL under which clients reach the registry, for example `https://registry.example.org`. Set it behind a proxy; without it, links are relative and the token realm is what the client called the registry. It may have a path, see `docs/operate/behind-a-proxy.md`.",
    ),
    setting(
        "trusted_proxies",
        Kind::List,
        "[]",
        "Networks of proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, or `Forwarded`, are believed, for example `10.0.0.0/8`.",
    ),
    setting(
        "shutdown_grace_seconds",
        Kind::Text,
        "\"auto\"",
        "How long the server goes on to take requests after it was told to stop, 0 to 3600, while `/readyz` answers 503 so that a load balancer turns to others. `auto`: 5 with `trusted_proxies`, else 0. A second signal ends it.",
    ),
    setting("shutdown_seconds", Kind::Number, "30", "How long requests in progress may then take to finish."),
    setting(
        "max_connections",
        Kind::Number,
        "4096",
        "Connections that may be open; further ones are closed at once. Fewer, with a warning at start, when the process may not open files for as many.",
    ),
    setting(
        "notice",
        Kind::Text,
        "\"\"",
        "Text that clients show to their users as a warning, for example about maintenance.",
    ),
    setting(
        "database.url",
        Kind::Secret,
        "\"\"",
        "PostgreSQL 15 or later, `postgres://user:password@host:5432/database`, with libpq's parameters; empty for the embedded SQLite in the data folder. Connections are encrypted, and the server's certificate checked, unless the server is on this machine or the URL has `sslmode=disable`.",
    ),
    setting(
        "database.password_file",
        Kind::Text,
        "\"\"",
        "File that holds the password for the database, so that it need not stand in the URL.",
    ),
    setting(
        "database.ca_file",
        Kind::Text,
        "\"\"",
        "PEM file with the authorities that may vouch for the database server; empty for the system's.",
    ),
    setting(
        "database.connections",
        Kind::Number,
        "16",
        "Most connections to the database, of each node, 2 to 1000.",
    ),
    setting(
        "database.statement_timeout_seconds",
        Kind::Number,
        "30",
        "Longest that one statement may take, 1 to 3600.",
    ),
    setting(
        "storage.url",
        Kind::Text,
        "\"\"",
        "Where blobs lie: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; empty for a folder in the data folder.",
    ),
    setting(
        "storage.endpoint",
        Kind::Text,
        "\"\"",
        "URL of an S3 server other than Amazon's, for example `https://s3.example.org`.",
    ),
    setting(
        "storage.public_endpoint",
        Kind::Text,
        "\"\"",
        "URL under which clients reach that server, when it is another.",
    ),
    setting(
        "storage.region",
        Kind::Text,
        "\"\"",
        "Region of the bucket; empty for `AWS_REGION`, else `us-east-1`.",
    ),
    setting(
        "storage.path_style",
        Kind::Text,
        "\"auto\"",
        "`true` for buckets in the path (`endpoint/bucket`), `false` for buckets in the host name; `auto`: in the path if `storage.endpoint` is set.",
    ),
    setting(
        "storage.access_key_id",
        Kind::Text,
        "\"\"",
        "Access key for S3. Without it: `storage.credentials_file`, else `AWS_…` variables, else the role of the pod, container or machine.",
    ),
    setting("storage.secret_access_key", Kind::Secret, "\"\"", "Its secret."),
    setting("storage.secret_access_key_file", Kind::Text, "\"\"", "File that holds that secret."),
    setting(
        "storage.credentials_file",
        Kind::Text,
        "\"\"",
        "File with S3 credentials in the form of the AWS tools; the section `default`, or what `AWS_PROFILE` names. Changes are picked up within a minute.",
    ),
    setting(
        "storage.encryption",
        Kind::Text,
        "\"\"",
        "Encryption at rest that S3 is asked for: `AES256` or `aws:kms`; empty for the bucket's own setting.",
    ),
    setting("storage.kms_key", Kind::Text, "\"\"", "Id or ARN of the key for `aws:kms`."),
    setting(
        "storage.ca_file",
        Kind::Text,
        "\"\"",
        "PEM file with authorities that may vouch for the object store, beside the system's.",
    ),
    setting(
        "storage.part_bytes",
        Kind::Number,
        "8388608",
        "Size of the parts in which blobs are sent to the object store, at least 5 MiB; it doubles after every thousand parts of a blob.",
    ),
    setting(
        "storage.equal_parts",
        Kind::Truth,
        "false",
        "Whether all parts have that size, for stores that want it so (Cloudflare R2). A blob can then have 10,000 of them.",
    ),
    setting(
        "storage.checksums",
        Kind::Truth,
        "true",
        "Whether S3 is told the SHA-256 digest of every request's body, and refuses what was changed on the way.",
    ),
    setting(
        "storage.bulk_delete",
        Kind::Truth,
        "true",
        "Whether S3 is asked to delete many objects in one request.",
    ),
    setting(
        "storage.memory_bytes",
        Kind::Number,
        "25165824",
        "Memory for parts on their way to the object store, over all uploads; what does not fit lies in the data folder for a moment.",
    ),
    setting(
        "storage.redirect",
        Kind::Truth,
        "true",
        "Whether clients fetch blobs from the object store itself, by a URL that works for a short time. Clients that could not follow (the store is plain HTTP and the registry HTTPS, or has a host name below the registry's, so that they would send it their credentials) get blobs through the registry.",
    ),
    setting(
        "storage.redirect_except",
        Kind::List,
        "[]",
        "Networks whose clients get blobs through the registry, because they cannot reach the object store, for example `10.1.0.0/16`.",
    ),
    setting("storage.redirect_seconds", Kind::Number, "900", "How long such a URL works, 60 to 86400."),
    setting(
        "storage.reserve_bytes",
        Kind::Number,
        "1073741824",
        "Room on the volume of the data folder that pushes may not take, so that deletion, garbage collection and administration work on a full disk; on a small volume at most a twentieth of it or 16 MiB, and never more than a quarter. Of the inodes, 1000 or a twentieth are kept as well. 0 for none.",
    ),
    setting(
        "admin.password",
        Kind::Secret,
        "\"\"",
        "Password of the first administrator, at the first start only; empty to have one generated and printed.",
    ),
    setting("admin.password_file", Kind::Text, "\"\"", "File that holds that password."),
    setting(
        "admin.remote",
        Kind::Truth,
        "true",
        "Whether administrators may do from afar what the operator may, through the registry's own API, within ten minutes after signing in with their password. Off, the administration socket alone.",
    ),
    setting(
        "tls.certificate",
        Kind::Text,
        "\"\"",
        "PEM file with the certificate chain; turns HTTPS on. Changed files are picked up within a minute, and on SIGHUP.",
    ),
    setting("tls.key", Kind::Text, "\"\"", "PEM file with the private key."),
    setting(
        "metrics.listen",
        Kind::Text,
        "\"\"",
        "Address and port on which `/metrics` answers, for example `127.0.0.1:9100`; empty for no metrics. Everybody who can reach it can read them.",
    ),
    setting("log.format", Kind::Text, "\"text\"", "`text` or `json`."),
    setting(
        "log.level",
        Kind::Text,
        "\"info\"",
        "`error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,longshore_content=debug`. Successful reads are logged at `debug`.",
    ),
    setting(
        "traces.otlp_url",
        Kind::Text,
        "\"\"",
        "Collector that is told where time goes, request by request, in OpenTelemetry's protocol over HTTP (protobuf), for example `http://127.0.0.1:4318`; empty for none.",
    ),
    setting(
        "traces.percent",
        Kind::Number,
        "100",
        "Of how many of a hundred requests and jobs it is told, 1 to 100.",
    ),
    setting(
        "auth.service",
        Kind::Text,
        "\"longshore\"",
        "Name of the registry in the token protocol; the audience of its tokens.",
    ),
    setting(
        "auth.service_aliases",
        Kind::List,
        "[\"registry.docker.io\"]",
        "Other names of the registry that clients may ask for tokens with: some have the name of Docker Hub's token service built in. The tokens are the same.",
    ),
    setting("auth.token_ttl_seconds", Kind::Number, "300", "How long a bearer token works, 60 to 3600."),
    setting(
        "auth.session_ttl_seconds",
        Kind::Number,
        "86400",
        "How long a sign-in to the management APIs and the pages works, 60 to 2592000.",
    ),
    setting("auth.refresh_ttl_days", Kind::Number, "180", "How long a refresh token works."),
    setting("auth.key_rotation_days", Kind::Number, "30", "After how long a new signing key takes over."),
    setting(
        "auth.invites_create_users",
        Kind::Truth,
        "true",
        "Whether an invite to an e-mail address makes a user of somebody who is none. Owners of organizations invite.",
    ),
    setting(
        "auth.sealing_key_file",
        Kind::Text,
        "\"\"",
        "File with the 64 hexadecimal digits (`openssl rand -hex 32`) that the secret keys of access keys are encrypted with in the database. Empty with the embedded database: `sealing.key` in the data folder. With PostgreSQL give all nodes the same, else there are no access keys. Keep a copy: without it all access keys must be made anew.",
    ),
    setting(
        "auth.anonymous_pull",
        Kind::Truth,
        "true",
        "Whether public repositories can be pulled without signing in.",
    ),
    setting(
        "auth.refresh_tokens_per_credential",
        Kind::Number,
        "500",
        "Refresh tokens that are kept of those that were got with one password or access token; the oldest go. 10 to 10000.",
    ),
    setting(
        "auth.failures_per_account_and_address",
        Kind::Number,
        "10",
        "Failed sign-ins of one account from one address, in the window, before further ones are refused.",
    ),
    setting(
        "auth.failures_per_address",
        Kind::Number,
        "100",
        "Failed sign-ins from one address (IPv6: network of 64 bits).",
    ),
    setting(
        "auth.failures_per_account",
        Kind::Number,
        "300",
        "Failed sign-ins of one account from all addresses. Access tokens keep working.",
    ),
    setting("auth.failure_window_seconds", Kind::Number, "900", "The window."),
    setting(
        "mail.smtp_url",
        Kind::Secret,
        "\"\"",
        "Server that takes messages: `smtps://user:password@mail.example.org`, or `smtp://user@mail.example.org:587?tls=required`; empty for no mail. Without it, invites are links to be passed on. `longshore config test-mail ADDRESS` tries it.",
    ),
    setting(
        "mail.password_file",
        Kind::Text,
        "\"\"",
        "File that holds the password for that server, so that it need not stand in the URL.",
    ),
    setting(
        "mail.interval_seconds",
        Kind::Number,
        "60",
        "Shortest time between two messages to somebody about the same invite.",
    ),
    setting(
        "mail.from",
        Kind::Text,
        "\"\"",
        "Sender of messages, for example `Registry <registry@example.org>`.",
    ),
    setting(
        "audit.sign_ins",
        Kind::Truth,
        "true",
        "Whether sign-ins, failed ones and refused credentials leave events, with the client's address and program. Failures of an account make one row per network and minute, uses of a token one per address and hour.",
    ),
    setting("audit.retention_days", Kind::Number, "0", "How long audit events are kept; 0 for ever."),
    setting(
        "limits.requests_per_account",
        Kind::Number,
        "1200",
        "Requests a minute to management APIs by one account; 0 for no limit.",
    ),
    setting(
        "limits.requests_per_address",
        Kind::Number,
        "6000",
        "Requests a minute to management APIs from one address (IPv6: network of 64 bits); 0 for no limit.",
    ),
    setting(
        "limits.pulls_per_account",
        Kind::Number,
        "0",
        "Pulls of manifests by one account in a window; 0 for no limit.",
    ),
    setting(
        "limits.pulls_per_address",
        Kind::Number,
        "0",
        "Pulls of manifests from one address in a window, without signing in; 0 for no limit.",
    ),
    setting("limits.pull_window_seconds", Kind::Number, "21600", "The window in which pulls are counted."),
    setting("limits.manifest_bytes", Kind::Number, "4194304", "Largest manifest, at least 4 MiB."),
    setting("limits.blob_bytes", Kind::Number, "5497558138880", "Largest blob."),
    setting(
        "limits.upload_memory_bytes",
        Kind::Number,
        "8388608",
        "Memory for received bytes that are not written yet, over all uploads.",
    ),
    setting(
        "limits.manifest_cache_bytes",
        Kind::Number,
        "16777216",
        "Memory for manifests that were pulled of late.",
    ),
    setting(
        "limits.body_idle_seconds",
        Kind::Number,
        "60",
        "How long a request waits for the next bytes of a body.",
    ),
    setting(
        "limits.body_seconds",
        Kind::Number,
        "300",
        "Longest that a body may take that is read whole: manifests, forms, JSON. Blobs may take longer.",
    ),
    setting(
        "limits.body_memory_bytes",
        Kind::Number,
        "33554432",
        "Memory for such bodies, over all requests; a quarter of it is for those without a credential, and an address has at most half of what others leave. Without memory a request is answered with 503.",
    ),
    setting(
        "limits.connections_per_address",
        Kind::Number,
        "256",
        "Connections from one address (IPv6: network of 64 bits), and never more than a quarter of what others leave of `max_connections`; further ones are closed at once. Peers in `trusted_proxies` may have as many as there are.",
    ),
    setting(
        "limits.parallel_requests",
        Kind::Number,
        "2048",
        "Requests in progress, over all connections; an address has at most a quarter of what others leave. Further ones are answered with 503.",
    ),
    setting(
        "limits.first_request_seconds",
        Kind::Number,
        "30",
        "How long a connection may take until its first request has come, counted from its beginning, or from the end of the TLS handshake.",
    ),
    setting(
        "limits.connection_idle_seconds",
        Kind::Number,
        "120",
        "How long a connection stays open between two requests.",
    ),
    setting(
        "limits.response_idle_seconds",
        Kind::Number,
        "60",
        "How long a client may take nothing of a response before its connection is cut.",
    ),
    setting(
        "limits.response_bytes_per_second",
        Kind::Number,
        "1024",
        "Slowest that a client may take a response, over that time.",
    ),
    setting(
        "limits.response_memory_bytes",
        Kind::Number,
        "16777216",
        "Memory for responses on their way, over all connections, beyond a small piece of each.",
    ),
    setting(
        "uploads.expiry_seconds",
        Kind::Number,
        "86400",
        "How long an upload is kept after its last progress.",
    ),
    setting(
        "uploads.open_per_account",
        Kind::Number,
        "1000",
        "Most uploads of one account that are neither finished nor cancelled; more are refused with 429.",
    ),
    setting(
        "manifests.sparse_indexes",
        Kind::Truth,
        "false",
        "Whether an index may be pushed before the manifests that it lists.",
    ),
    setting(
        "history.as_of_tags",
        Kind::Truth,
        "true",
        "Whether `TAG.asof.20261101T120000Z`, or `TAG.asof.20261101` for the end of that day in UTC, is pulled as what the tag pointed at then. Tags of this form are not pushed then.",
    ),
    setting(
        "history.keep_days",
        Kind::Number,
        "0",
        "How long what a tag pointed at stays after the tag has moved on, where manifests without a tag are collected. What is deleted goes all the same. At most 36500.",
    ),
    setting(
        "gc.interval_seconds",
        Kind::Number,
        "60",
        "How often garbage collection looks for work; 0 turns it off.",
    ),
    setting(
        "gc.lease_seconds",
        Kind::Number,
        "86400",
        "How long content that nothing references stays after it was uploaded, mounted, or found by a client that may push.",
    ),
    setting(
        "gc.grace_seconds",
        Kind::Number,
        "3600",
        "How long it stays when an owner collects the garbage of a registry (never longer than `gc.lease_seconds`): a push that takes longer than this between its first layer and its manifest can then fail and must be repeated.",
    ),
    setting("gc.undo_seconds", Kind::Number, "86400", "How long deleted content can be restored."),
    setting(
        "gc.untagged_manifests",
        Kind::Truth,
        "false",
        "Whether manifests without a tag are deleted when their lease has ended (unless an index lists them, or they refer to a manifest that is there).",
    ),
    setting(
        "gc.batch",
        Kind::Number,
        "200",
        "Records that one transaction of garbage collection reviews, 1 to 1000.",
    ),
    setting(
        "gc.takeover_seconds",
        Kind::Number,
        "60",
        "After how long without a sign of life from the node that collects another one takes over, 5 to 3600.",
    ),
    setting(
        "gc.quarantine_seconds",
        Kind::Number,
        "604800",
        "How long objects that no record names, as found by `longshore verify --store`, are kept before they are deleted; at least `uploads.expiry_seconds`.",
    ),
    setting(
        "registry.tiers_file",
        Kind::Text,
        "\"\"",
        "TOML file with the subscription tiers of registries, see `docs/registries.md`; empty for those of DigitalOcean: starter, basic, professional.",
    ),
    setting(
        "registry.regions",
        Kind::List,
        "[\"nyc3\", \"sfo3\", \"sfo2\", \"ams3\", \"sgp1\", \"fra1\", \"blr1\", \"syd1\"]",
        "Regions that registries may say that they are in; the first one when nothing is said. It is a label: the data lies where this server keeps it.",
    ),
    setting(
        "registry.new_names",
        Kind::Truth,
        "true",
        "Whether users may create registries under names that nobody has, which makes organizations; else only under their own name and those of their organizations.",
    ),
    setting(
        "swr.region",
        Kind::Text,
        "\"eu-de\"",
        "The region that clients of Huawei Cloud and Open Telekom Cloud see; it is also a name of everybody's own project.",
    ),
    setting(
        "swr.internal_address",
        Kind::Text,
        "\"\"",
        "Host and port at which machines of your own network reach the registry, shown as the internal path of images; empty for the public one.",
    ),
    setting("ui.enabled", Kind::Truth, "true", "Whether there are pages for browsers, under `/ui/`."),
    setting(
        "ui.session_idle_seconds",
        Kind::Number,
        "43200",
        "How long a browser stays signed in without asking for a page, 60 to 2592000; at most `auth.session_ttl_seconds`.",
    ),
];
