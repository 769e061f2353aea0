//! Who may import whom: the rule of ARCHITECTURE.md, read from what cargo resolves.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use feedwatch_tests::binary::root;

/// The packages of the workspace that one of them may import; tests of a package may import more.
const ALLOWED: &[(&str, &[&str])] = &[
    ("feedwatch-model", &[]),
    ("feedwatch-codec", &["feedwatch-model"]),
    ("feedwatch-decode", &["feedwatch-model"]),
    ("feedwatch-ingest", &["feedwatch-model"]),
    ("feedwatch-detect", &["feedwatch-model"]),
    ("feedwatch-chart", &["feedwatch-model"]),
    ("feedwatch-demo", &["feedwatch-model"]),
    ("feedwatch-store", &["feedwatch-model", "feedwatch-codec"]),
    (
        "feedwatch-engine",
        &[
            "feedwatch-model",
            "feedwatch-decode",
            "feedwatch-ingest",
            "feedwatch-detect",
            "feedwatch-store",
            "feedwatch-chart",
            "feedwatch-demo",
        ],
    ),
    ("feedwatch-cli", &["feedwatch-model", "feedwatch-engine"]),
    ("feedwatch-desktop", &["feedwatch-model", "feedwatch-engine"]),
];

/// Crates that judge: no runtime, no clock, no disk, no network.
const PURE: &[&str] = &["feedwatch-model", "feedwatch-decode", "feedwatch-detect", "feedwatch-codec"];
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "futures-util",
    "mio",
    "socket2",
    "hyper",
    "reqwest",
    "tokio-tungstenite",
    "tungstenite",
    "rusqlite",
    "libsqlite3-sys",
    "rustix",
    "tempfile",
    "tracing",
    "chrono",
    "time",
    "fastrand",
    "rand",
    "getrandom",
    "parking_lot",
    "crossbeam-channel",
    "rayon",
    "notify-rust",
    "libc",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .expect("cargo metadata")
}

/// What a package imports directly, in programs and their build.
fn direct<'a>(metadata: &'a Metadata, package: &str) -> BTreeSet<&'a str> {
    let package = metadata.packages.iter().find(|found| found.name.as_str() == package).expect("a package");
    let counts = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    package.dependencies.iter().filter(|one| counts(one.kind)).map(|one| one.name.as_str()).collect()
}

/// What is only asked to compute from what it is given. What it could draw or read besides stands below it unused: checksums
/// and signatures draw no key and ask for no time.
const COMPUTING: [&str; 2] = ["ring", "x509-parser"];

/// What stands below a package, in programs and their build, as resolved for every platform.
fn below<'a>(metadata: &'a Metadata, package: &str) -> BTreeSet<&'a str> {
    below_but(metadata, package, &[])
}

/// The same without what stands below `ends` alone.
fn below_but<'a>(metadata: &'a Metadata, package: &str, ends: &[&str]) -> BTreeSet<&'a str> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|found| (&found.id, found.name.as_str())).collect();
    let mut todo: Vec<&PackageId> = names.iter().filter(|(_, name)| **name == package).map(|(id, _)| *id).collect();
    assert_eq!(todo.len(), 1, "{package}");
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        for dependency in nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default() {
            let counts = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
            let is_new = dependency.dep_kinds.iter().any(|kind| counts(kind.kind)) && seen.insert(&dependency.pkg);
            if is_new && !ends.contains(&names[&dependency.pkg]) {
                todo.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| names[id]).collect()
}

#[test]
fn every_crate_imports_only_what_stands_below_it() {
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata.workspace_packages().iter().map(|found| found.name.as_str()).collect();
    let named: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).chain(["feedwatch-tests"]).collect();
    assert_eq!(members, named, "the rule names every member");
    for (package, allowed) in ALLOWED {
        let ours: BTreeSet<&str> =
            direct(&metadata, package).into_iter().filter(|name| members.contains(name)).collect();
        let allowed = allowed.iter().copied().collect();
        let wrong: Vec<_> = ours.difference(&allowed).collect();
        assert!(wrong.is_empty(), "{package} must not import {wrong:?}");
    }
}

#[test]
fn pure_crates_have_no_runtime_no_clock_and_no_disk() {
    let metadata = metadata();
    for package in PURE {
        let found = below_but(&metadata, package, &COMPUTING);
        let wrong: Vec<_> = IMPURE.iter().filter(|name| found.contains(*name)).collect();
        assert!(wrong.is_empty(), "{package} reaches {wrong:?}");
    }
}

#[test]
fn some_libraries_have_one_place() {
    let metadata = metadata();
    let places = [
        ("rusqlite", "feedwatch-store"),
        ("plotters", "feedwatch-chart"),
        ("tauri", "feedwatch-desktop"),
        ("tauri-build", "feedwatch-desktop"),
        ("tauri-plugin-dialog", "feedwatch-desktop"),
        ("notify-rust", "feedwatch-engine"),
        ("tokio-tungstenite", "feedwatch-ingest"),
        ("hyper", "feedwatch-ingest"),
        ("brotli-decompressor", "feedwatch-ingest"),
        ("rdkafka", "feedwatch-ingest"),
    ];
    for (library, place) in places {
        let users: Vec<&str> = ALLOWED
            .iter()
            .map(|(package, _)| *package)
            .filter(|package| direct(&metadata, package).contains(library))
            // The demo serves what the sources read.
            .filter(|package| *package != "feedwatch-demo" || !["tokio-tungstenite", "hyper"].contains(&library))
            .collect();
        assert_eq!(users, [place], "{library}");
    }
}

const DESKTOP: &[&str] = &[
    "tauri",
    "tauri-runtime",
    "wry",
    "tao",
    "muda",
    "tray-icon",
    "gtk",
    "gdk",
    "gdkx11",
    "atk",
    "webkit2gtk",
    "javascriptcore-rs",
    "soup3",
    "libappindicator",
];

#[test]
fn engine_and_terminal_build_without_the_desktop() {
    let metadata = metadata();
    for package in ["feedwatch-engine", "feedwatch-cli"] {
        let found = below(&metadata, package);
        let desktop = |name: &&&str| {
            DESKTOP.contains(name) || name.ends_with("-sys") && DESKTOP.contains(&&name[..name.len() - 4])
        };
        let wrong: Vec<_> = found.iter().filter(desktop).collect();
        assert!(wrong.is_empty(), "{package} reaches {wrong:?}");
        assert!(found.contains("tokio"), "the graph was read");
    }
}

/// The packages that depend on a library.
fn users<'a>(metadata: &'a Metadata, library: &str) -> BTreeSet<&'a str> {
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|found| (&found.id, found.name.as_str())).collect();
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let users = nodes.filter(|node| node.deps.iter().any(|found| names[&found.pkg] == library));
    users.map(|node| names[&node.id]).collect()
}

#[test]
fn there_is_one_tls_stack() {
    let metadata = metadata();
    let all: BTreeSet<&str> = metadata.packages.iter().map(|found| found.name.as_str()).collect();
    let resolved: BTreeSet<&str> =
        metadata.workspace_packages().iter().flat_map(|member| below(&metadata, member.name.as_str())).collect();
    assert!(all.contains("rustls") && resolved.contains("rustls"));
    // librdkafka is C and has no other: nothing else may reach it, and nothing but our source of Kafka may reach that.
    for (library, place) in
        [("openssl-sys", "rdkafka-sys"), ("rdkafka-sys", "rdkafka"), ("rdkafka", "feedwatch-ingest")]
    {
        let mut users = users(&metadata, library);
        // The tests' own peer is made of it.
        users.remove("feedwatch-tests");
        assert_eq!(users, BTreeSet::from([place]), "{library}");
    }
    for other in ["openssl", "native-tls", "aws-lc-rs", "aws-lc-sys", "boring", "mbedtls"] {
        assert!(!resolved.contains(other), "{other} is in the graph");
    }
}
