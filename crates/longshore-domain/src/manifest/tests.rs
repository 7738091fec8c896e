use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":2}}"#)
}

fn image(extra: &str) -> String {
    let config = descriptor("application/vnd.oci.image.config.v1+json");
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip");
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer},{layer}]{extra}}}"#)
}

fn parse(text: &str, media_type: Option<&str>) -> Result<Manifest> {
    Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), media_type, Algorithm::Sha256)
}

#[test]
fn an_image_is_understood_and_kept_byte_for_byte() {
    let text = image(r#","annotations":{"a":"b"},"unknown":[1,{"x":null}]"#);
    let manifest = parse(&text, Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")).unwrap();
    assert_eq!(manifest.bytes, text);
    assert_eq!(manifest.kind, ManifestKind::Image);
    assert_eq!(manifest.layers.len(), 2);
    assert_eq!(manifest.required_blobs().len(), 1, "a digest counts once");
    assert_eq!(manifest.artifact_type.as_deref(), Some("application/vnd.oci.image.config.v1+json"));
}

#[test]
fn foreign_layers_need_not_be_present() {
    let layer =
        descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip").replace(HEX, &"a".repeat(64));
    let config = descriptor("application/vnd.docker.container.image.v1+json");
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
    let manifest = parse(&text, Some(MediaType::DOCKER_MANIFEST)).unwrap();
    assert_eq!(manifest.required_blobs().len(), 1);
}

#[test]
fn ambiguous_and_malformed_documents_are_refused() {
    let child = descriptor(MediaType::OCI_MANIFEST);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many = vec![child.as_str(); MANIFEST_DESCRIPTORS_LIMIT + 1].join(",");
    let oci = Some(MediaType::OCI_MANIFEST);
    let index = Some(MediaType::OCI_INDEX);
    let cases: Vec<(String, Option<&str>)> = vec![
        (String::new(), oci),
        ("[]".into(), oci),
        ("null".into(), oci),
        ("{}".into(), oci),
        ("{}".into(), None),
        (format!("\u{feff}{}", image("")), oci),
        (image(r#","schemaVersion":2"#), oci),
        (image(r#","annotations":{"a":"b","a":"c"}"#), oci),
        (image(&format!(r#","manifests":[{child}]"#)), oci),
        (image(""), index),
        (image(r#","mediaType":"application/vnd.oci.image.index.v1+json""#), oci),
        (image(&format!(r#","x":{deep}"#)), oci),
        (image(r#","x":1e999"#), oci),
        (image("").replace("\"size\":2", "\"size\":-2"), oci),
        (image("").replace("\"size\":2", "\"size\":9223372036854775808"), oci),
        (image("").replace("sha256:", "sha256:../"), oci),
        (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":1"), oci),
        (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":3"), oci),
        (image("") + "x", oci),
        (image(""), Some("text/plain")),
        (image(""), Some("no media type")),
        (format!(r#"{{"schemaVersion":2,"manifests":[{many}]}}"#), index),
        (
            r#"{"schemaVersion":1,"fsLayers":[]}"#.into(),
            Some("application/vnd.docker.distribution.manifest.v1+json"),
        ),
    ];
    for (text, media_type) in cases {
        let shown: String = text.chars().take(100).collect();
        assert!(matches!(parse(&text, media_type), Err(Error::ManifestInvalid(_))), "{shown}");
    }
    assert!(Manifest::parse(Bytes::from_static(b"\xff\xfe"), oci, Algorithm::Sha256).is_err());
}

#[test]
fn the_shape_decides_when_no_media_type_is_given() {
    assert_eq!(parse(&image(""), None).unwrap().media_type.as_str(), MediaType::OCI_MANIFEST);
    let index = parse(r#"{"schemaVersion":2,"manifests":[]}"#, None).unwrap();
    assert_eq!((index.kind, index.media_type.as_str()), (ManifestKind::Index, MediaType::OCI_INDEX));
}

#[test]
fn platforms_come_from_the_configuration() {
    let platform =
        platform_of_config(br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).unwrap().unwrap();
    assert_eq!((platform.os.as_str(), platform.variant.as_str()), ("linux", "v8"));
    for nameless in
        [&b"{}"[..], b"tar", b"", b"\xff", b"[\"linux\",\"amd64\"]", br#"{"os":null,"architecture":"a"}"#]
    {
        assert_eq!(platform_of_config(nameless).unwrap(), None);
    }
    let platform =
        platform_of_config(br#"{"os":"linux","architecture":"amd64","variant":null,"history":null}"#);
    assert_eq!(platform.unwrap().unwrap().variant, "");
    assert_eq!(platform_of_config(br#"{"os":"linux","architecture":"\u0000"}"#).unwrap(), None);
}

#[test]
fn instructions_come_from_the_history() {
    let config = br#"{"history":[{"created_by":"/bin/sh -c #(nop) ADD file:x in / "},
        {"created_by":"ENV A=1","empty_layer":true},{"created_by":"RUN make"},{}]}"#;
    assert_eq!(instructions_of_config(config), ["ADD file:x in /", "RUN make", ""]);
    assert!(instructions_of_config(b"{}").is_empty() && instructions_of_config(b"tar").is_empty());
}

/// What another decoder, Go's above all, would read differently is refused, or read as that one reads it.
#[test]
fn nobody_reads_a_manifest_differently() {
    let oci = Some(MediaType::OCI_MANIFEST);
    let index = Some(MediaType::OCI_INDEX);
    let child = |extra: &str| {
        let child = descriptor(MediaType::OCI_MANIFEST).replace('}', extra) + "}";
        format!(r#"{{"schemaVersion":2,"manifests":[{child}]}}"#)
    };
    let in_config = |extra: &str| image("").replacen("\"size\":2}", &format!("\"size\":2{extra}}}"), 1);
    let in_layer = |from: &str, to: &str| {
        let (config, layers) =
            image("").split_once("layers").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("{config}layers{}", layers.replacen(from, to, 1))
    };
    let accepted: Vec<(String, Option<&str>)> = vec![
        // Lists that Go never filled.
        (image("").replace("\"layers\":[", "\"layers\":null,\"x\":["), oci),
        (image("").replace("\"layers\"", "\"x\""), oci),
        (r#"{"schemaVersion":2,"manifests":null}"#.into(), index),
        (r#"{"schemaVersion":2,"manifests":null}"#.into(), None),
        (r#"{"blobs":null}"#.into(), Some(MediaType::OCI_ARTIFACT)),
        // Members that Go never set.
        (image(r#","mediaType":"","artifactType":null,"subject":null,"annotations":null"#), oci),
        (child(r#","platform":null,"urls":null,"annotations":null"#), index),
        // Keys that nobody reads, and those of maps, are free.
        (image(r#","Layer":1,"x":{"Layers":[],"layers":[]},"annotations":{"Config":"a","config":"b"}"#), oci),
        (child(r#","annotations":{"Digest":"x"},"platform":{"architecture":"amd64","os":"linux"}"#), index),
        // Escapes are read before keys are compared.
        (image("").replace("\"layers\"", r#""\u006cayers""#), oci),
    ];
    for (text, media_type) in accepted {
        let parsed = parse(&text, media_type);
        assert_eq!(parsed.map(|manifest| manifest.bytes).unwrap(), text, "{text}");
    }
    let refused: Vec<(String, Option<&str>)> = vec![
        // Letter case, at every level.
        (image("").replace("\"layers\"", "\"Layers\""), oci),
        (image(r#","Config":{}"#), oci),
        (image(r#","LAYERS":[]"#), oci),
        (image(r#","MediaType":"application/vnd.oci.image.index.v1+json""#), oci),
        (image(r#","Manifests":[]"#), oci),
        (image(r#","SchemaVersion":1"#), oci),
        (image(r#","fslayers":[]"#), oci),
        (image(r#","Subject":null"#), oci),
        (image(r#","Annotations":{}"#), oci),
        (image(r#","ArtifactType":"a/b""#), oci),
        (image(r#","\u004cayers":[]"#), oci),
        // Go counts the long s and the sign for Kelvin as s and k.
        (image(r#","layerſ":[]"#), oci),
        (image(r#","\u017fubject":null"#), oci),
        (in_config(r#","Digest":"sha256:00""#), oci),
        (in_config(r#","Data":"e30=""#), oci),
        (in_layer("digest", "Digest"), oci),
        (in_layer("\"size\":2", "\"size\":2,\"SIZE\":3"), oci),
        (
            image(&format!(
                r#","subject":{}"#,
                descriptor(MediaType::OCI_MANIFEST).replace("mediaType", "MediaType")
            )),
            oci,
        ),
        (child(r#","URLs":[]"#), index),
        (child(r#","Platform":{}"#), index),
        (child(r#","platform":{"os":"linux","OS":"windows"}"#), index),
        (child(r#","platform":{"Architecture":"amd64"}"#), index),
        (child(r#","platform":{"OS.Version":"10"}"#), index),
        // Keys that stand twice, spelled alike or not, at every level.
        (image(r#","layers":[]"#), oci),
        (image(r#","\u006cayers":null"#), oci),
        (in_config(r#","digest":"sha256:00""#), oci),
        (child(r#","platform":{"os":"linux","os":"windows"}"#), index),
        (image(r#","x":[{"y":{"a":1,"a":2}}]"#), oci),
        // Both an image and an index, also when one of them is empty.
        (image(r#","manifests":null"#), oci),
        (r#"{"schemaVersion":2,"config":null,"manifests":[]}"#.into(), index),
        (r#"{"schemaVersion":2,"layers":null,"manifests":[]}"#.into(), index),
        (image(r#","blobs":[]"#).replace("\"layers\"", "\"x\""), oci),
        (image(r#","fsLayers":null"#), oci),
        (r#"{"schemaVersion":2,"config":null,"layers":null}"#.into(), oci),
        (r#"{"schemaVersion":2}"#.into(), index),
        // Lists where objects belong: some decoders take the values in their order.
        (
            image("").replacen(
                &descriptor("application/vnd.oci.image.config.v1+json"),
                r#"["a/b","sha256:00",2]"#,
                1,
            ),
            oci,
        ),
        (child(r#","platform":["amd64","linux"]"#), index),
        // Numbers.
        (in_config("").replacen("\"size\":2", "\"size\":2.0", 1), oci),
        (in_config("").replacen("\"size\":2", "\"size\":2e0", 1), oci),
        (in_config("").replacen("\"size\":2", "\"size\":\"2\"", 1), oci),
        (in_config("").replacen("\"size\":2", "\"size\":null", 1), oci),
        (in_config("").replacen("\"size\":2", "\"size\":02", 1), oci),
        (in_config("").replacen("\"size\":2", "\"size\":18446744073709551618", 1), oci),
        (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":2.0"), oci),
        (image("").replace("\"schemaVersion\":2", "\"schemaVersion\":null"), oci),
        (image(r#","x":NaN"#), oci),
        // Texts.
        (image(r#","x":"\ud800""#), oci),
        (image(",\"x\":\"\u{1}\""), oci),
        (image(r#","annotations":{"a":null}"#), oci),
        (image(r#","annotations":{"a":1}"#), oci),
        (image(r#","artifactType":"a/b\u0000""#), oci),
        (image(&format!(r#","artifactType":"{}""#, "a".repeat(ARTIFACT_TYPE_LIMIT_BYTES + 1))), oci),
        // Depth: Go reads 10,000 levels.
        (image(&format!(r#","x":{}{}"#, "[".repeat(200), "]".repeat(200))), oci),
        // What stands before and after.
        (format!("\u{feff}{}", image("")), oci),
        (image("") + "{}", oci),
        (image("") + "\0", oci),
        // Media types of manifests in another spelling.
        (image(r#","mediaType":"application/vnd.OCI.image.manifest.v1+json""#), oci),
        (image(r#","mediaType":"application/vnd.oci.image.manifest.v1+json; a=b""#), None),
        (child("").replace("vnd.oci.image.manifest", "vnd.oci.Image.manifest"), index),
    ];
    for (text, media_type) in refused {
        let shown: String = text.chars().take(400).collect();
        assert!(matches!(parse(&text, media_type), Err(Error::ManifestInvalid(_))), "{shown}");
    }
    for invalid in [&b"{\"x\":\"\xff\"}"[..], b"{\"\xc0\xac\":1}", b"\xfe\xff\x00{"] {
        assert!(Manifest::parse(Bytes::copy_from_slice(invalid), oci, Algorithm::Sha256).is_err());
    }
}

#[test]
fn nobody_reads_a_configuration_differently() {
    for refused in [
        r#"{"os":"linux","OS":"windows","architecture":"amd64"}"#,
        r#"{"Architecture":"amd64"}"#,
        r#"{"os":"linux","os":"windows","architecture":"amd64"}"#,
        r#"{"o\u017f":"linux"}"#,
        r#"{"History":[]}"#,
        r#"{"history":[{"created_by":"a","Created_By":"b"}]}"#,
        r#"{"history":[{"empty_layer":true,"empty_layer":false}]}"#,
        r#"{"RootFS":{}}"#,
    ] {
        let refusal = platform_of_config(refused.as_bytes());
        assert!(matches!(refusal, Err(Error::ManifestInvalid(_))), "{refused}: {refusal:?}");
    }
    // Docker's own keys, and what the registry does not read.
    let docker = r#"{"os":"linux","architecture":"amd64","config":{"Env":[],"env":[],"Labels":{"a":"b"}},
        "container_config":{"Cmd":null},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":null}]}"#;
    assert_eq!(platform_of_config(docker.as_bytes()).unwrap().unwrap().os, "linux");
    assert_eq!(instructions_of_config(docker.as_bytes()), [""]);
}

#[test]
fn media_types_stay_as_they_are_written() {
    let written = "application/vnd.Example.Config.V1+JSON; version=\"1.0\"";
    let text = image("").replace("application/vnd.oci.image.config.v1+json", &written.replace('"', "\\\""));
    let manifest = parse(&text, Some(MediaType::OCI_MANIFEST)).unwrap();
    assert_eq!(manifest.artifact_type.as_deref(), Some(written));
    assert_eq!(manifest.config.unwrap().media_type.as_str(), written);
    let custom = r#"{"mediaType":"application/vnd.Example.Thing+json; a=b"}"#;
    let manifest = parse(custom, Some("application/vnd.Example.Thing+json")).unwrap();
    assert_eq!(manifest.media_type.as_str(), "application/vnd.Example.Thing+json; a=b");
    // Parameters of the header mean nothing, and its letter case neither where the type is known.
    for header in [
        "Application/vnd.oci.image.Manifest.v1+JSON;charset=utf-8",
        " application/vnd.oci.image.manifest.v1+json ; a",
    ] {
        assert_eq!(parse(&image(""), Some(header)).unwrap().media_type.as_str(), MediaType::OCI_MANIFEST);
    }
    let other = parse(r#"{"a":1}"#, Some("application/vnd.Example+json; a=b")).unwrap();
    assert_eq!(other.media_type.as_str(), "application/vnd.Example+json");
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "[{}\\[\\]\",:a-z0-9]{0,200}") {
        let _ = parse(&text, Some(MediaType::OCI_MANIFEST));
    }
}
