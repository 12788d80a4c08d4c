//! The layout's promises, kept by looking at the files themselves.
//!
//! One rule is one function from a file to the lines that break it, and one test that walks the
//! project with it. The last test plants an offender for every rule, so that none of them sleeps.
//! What the compiler or clippy already sees (time and chance, unsafe code, documentation of public
//! items) is left to them.

mod tree;

use tree::{Source, sources, top};

/// A rule: the numbers of the lines in this file that break it; 0 means the file as a whole.
type Rule = fn(&Source) -> Vec<usize>;

/// What may stand at the top of the project. Dot files are an editor's own business.
const TOP: [&str; 15] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "edge",
    "hub",
    "protocol",
    "rust-toolchain.toml",
    "systemd",
    "tests",
];

/// Folders under `hub/src` that are the ground under all domains; every other folder is a domain.
const FOUNDATION: [&str; 9] =
    ["api", "broker", "effects", "outbound", "pages", "privacy", "projections", "store", "sync"];

/// The roles of a domain that load, save, ask and answer. Whatever else it holds is pure.
const ACTING: [&str; 9] = ["actions", "api", "cli", "jobs", "mod", "pages", "project", "store", "tests"];

#[test]
fn the_top_folder_holds_only_what_the_layout_names() {
    let names = std::fs::read_dir(top()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let odd = |name: &String| !name.starts_with('.') && name != "target" && !TOP.contains(&name.as_str());
    let strangers: Vec<String> = names.filter(odd).collect();
    assert!(strangers.is_empty(), "not part of the layout in ARCHITECTURE.md: {strangers:?}");
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    keep("a module starts with `//!` and a sentence", unopened_module);
}

#[test]
fn files_stay_short_enough_to_read() {
    keep("no source file is longer than 700 lines: split it by story", overlong);
}

#[test]
fn nothing_minified_is_checked_in() {
    keep("page scripts and styles are written and kept readable", minified);
}

#[test]
fn no_path_of_one_machine_is_checked_in() {
    keep("a path of one machine means nothing on another", machine_path);
}

#[test]
fn no_registry_is_named() {
    keep("registries are the choice of the machine, not of the project", registry_host);
}

#[test]
fn no_test_is_skipped() {
    keep("a test runs or goes: none is ignored", ignored_test);
}

#[test]
fn product_code_does_not_unwrap() {
    keep("outside tests an error is an error, not a panic", unwrapping);
}

#[test]
fn topics_are_spelled_in_one_module() {
    keep("topics are written and read by protocol/src/topic.rs alone", topic_literal);
}

#[test]
fn the_protocol_knows_no_io_no_clock_and_no_async() {
    keep("`protocol` is words and their meaning: no IO, clock or async", impure_protocol);
}

#[test]
fn decisions_models_and_their_helpers_are_pure() {
    keep("in a domain only the acting roles know async, SQL, network, files and clock", impure_role);
}

#[test]
fn sql_lives_in_store_and_project_files() {
    keep("SQL belongs in store.rs or project.rs of a domain, or in the foundation", stray_sql);
}

#[test]
fn decide_and_store_are_private_to_their_domain() {
    keep("other domains go through `actions`: `mod decide`, `mod store`, never `pub`", open_role);
}

#[test]
fn every_domain_folder_has_the_same_shape() {
    keep("a folder inside a domain is one of its roles, grown, see ARCHITECTURE.md", odd_role);
}

#[test]
fn crates_share_versions_and_point_one_way() {
    keep("versions stand in the top Cargo.toml; edge and hub do not know each other", bad_manifest);
}

#[test]
fn scripts_stop_at_the_first_error() {
    keep("a bash script says `set -euo pipefail` right after its opening comment", lax_script);
}

fn unopened_module(file: &Source) -> Vec<usize> {
    // What a module named `tests` is for, its name says.
    let module = file.ends_with(&[".rs"]) && !file.ends_with(&["/tests.rs", "/tests/mod.rs"]);
    whole_file(module && !file.text.trim_start().starts_with("//! "))
}

fn overlong(file: &Source) -> Vec<usize> {
    let source = file.ends_with(&[".rs", ".sql", ".html", ".css", ".js", ".service", ".rules"]);
    whole_file((source || is_script(file)) && file.text.lines().count() > 700)
}

fn minified(file: &Source) -> Vec<usize> {
    if file.path.contains(".min.") {
        return vec![0];
    }
    let page = file.ends_with(&[".js", ".css", ".html"]);
    lines(file, |line| page && line.chars().count() > 700)
}

fn machine_path(file: &Source) -> Vec<usize> {
    let roots = ["work", "root", "home", "tmp"].map(|name| format!("/{name}/"));
    let foreign = |line: &str, root: &str| {
        let before = line.find(root).map(|at| line[..at].chars().next_back());
        before.is_some_and(|last| !last.is_some_and(|c| c.is_alphanumeric() || "._-}/".contains(c)))
    };
    lines(file, |line| roots.iter().any(|root| foreign(line, root)))
}

fn registry_host(file: &Source) -> Vec<usize> {
    let hosts =
        [["crates", "io"], ["debian", "org"], ["npmjs", "com"], ["npmjs", "org"], ["pypi", "org"], ["rustup", "rs"]];
    let hosts = hosts.map(|parts| parts.join("."));
    // Cargo writes the lock file, and names the registry of every package in it.
    let named = |line: &str| hosts.iter().any(|host| line.contains(host.as_str()));
    lines(file, |line| file.path != "Cargo.lock" && named(line))
}

fn ignored_test(file: &Source) -> Vec<usize> {
    let attributes = [concat!("#[", "ignore"), concat!(", ", "ignore)]")];
    lines(file, |line| file.ends_with(&[".rs"]) && holds(line, &attributes))
}

fn unwrapping(file: &Source) -> Vec<usize> {
    if !is_product(file) {
        return Vec::new();
    }
    file.code_with(&[".unwrap()", "panic!(", "todo!(", "unimplemented!("])
}

fn topic_literal(file: &Source) -> Vec<usize> {
    if !is_product(file) || file.path == "protocol/src/topic.rs" {
        return Vec::new();
    }
    file.code_with(&["\"g1/", "\"g1\""])
}

fn impure_protocol(file: &Source) -> Vec<usize> {
    if !file.path.starts_with("protocol/src/") {
        return Vec::new();
    }
    let outside = ["std::fs", "std::net", "std::env", "std::process", "tokio", "sqlx"];
    let timely = ["async ", ".await", "SystemTime", "Instant", "getrandom"];
    file.code_with(&[&outside[..], &timely].concat())
}

fn impure_role(file: &Source) -> Vec<usize> {
    let acting = |domain| file.path.split('/').any(|part| part != domain && ACTING.contains(&stem(part)));
    if !file.ends_with(&[".rs"]) || file.is_test() || domain_of(file).is_none_or(acting) {
        return Vec::new();
    }
    let outside = ["std::fs", "std::net", "axum::", "reqwest", "rumqttc", "sqlx", "tokio"];
    let timely = ["async ", ".await", "clock::", "SystemTime", "getrandom"];
    file.code_with(&[&outside[..], &timely].concat())
}

fn stray_sql(file: &Source) -> Vec<usize> {
    if !file.path.starts_with("hub/src/") || file.is_test() || may_hold_sql(file) {
        return Vec::new();
    }
    let statements = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "];
    file.code_with(&[&["sqlx::"], &statements[..]].concat())
}

fn open_role(file: &Source) -> Vec<usize> {
    if domain_of(file).is_none() || file.name() != "mod.rs" {
        return Vec::new();
    }
    // `pub(crate)` is for the registry that prepares every statement in one test.
    lines(file, |line| holds(line, &["pub mod decide", "pub mod store"]))
}

fn odd_role(file: &Source) -> Vec<usize> {
    let Some(domain) = domain_of(file).filter(|domain| *domain != "channels") else {
        return Vec::new();
    };
    // A role too big for one file becomes a folder of its name.
    let below = &file.path["hub/src/".len() + domain.len() + 1..];
    let folder = below.split_once('/').map(|(folder, _)| folder);
    whole_file(folder.is_some_and(|folder| !ACTING.contains(&folder) && !["decide", "model"].contains(&folder)))
}

fn bad_manifest(file: &Source) -> Vec<usize> {
    let Some((member, "Cargo.toml")) = file.path.rsplit_once('/') else {
        return Vec::new();
    };
    let mut bad = Vec::new();
    let mut section = String::new();
    for (at, line) in file.lines().filter(|(_, line)| !line.trim().is_empty()) {
        if line.starts_with('[') {
            section = line.into();
        } else if section.ends_with("dependencies]") {
            let own_version = !line.contains("workspace = true");
            let sideways = match member {
                "protocol" => line.starts_with("packline-"),
                "edge" => line.starts_with("packline-hub"),
                "hub" => line.starts_with("packline-edge"),
                _ => false,
            };
            if own_version || sideways {
                bad.push(at);
            }
        }
    }
    bad
}

fn lax_script(file: &Source) -> Vec<usize> {
    let careful = |line: &str| line == "set -euo pipefail";
    let strict = file.text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
    whole_file(is_script(file) && !strict.is_some_and(careful))
}

/// The domain whose folder the file is in.
fn domain_of(file: &Source) -> Option<&str> {
    file.hub_folder().filter(|folder| !FOUNDATION.contains(folder))
}

fn may_hold_sql(file: &Source) -> bool {
    let role = ["store.rs", "project.rs"].contains(&file.name());
    let inside = file.path.contains("/store/") || file.path.contains("/project/");
    role || inside || file.path == "hub/src/effects/queue.rs"
}

fn is_product(file: &Source) -> bool {
    let ours = ["protocol/src/", "edge/src/", "hub/src/"];
    file.ends_with(&[".rs"]) && !file.is_test() && ours.iter().any(|at| file.path.starts_with(at))
}

fn is_script(file: &Source) -> bool {
    file.text.starts_with("#!") && holds(file.text.lines().next().unwrap_or(""), &["bash"])
}

/// A file's or folder's name without its ending.
fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn holds(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn lines(file: &Source, breaks: impl Fn(&str) -> bool) -> Vec<usize> {
    let broken = file.lines().filter(|(_, line)| breaks(line));
    broken.map(|(at, _)| at).collect()
}

fn whole_file(breaks: bool) -> Vec<usize> {
    if breaks { vec![0] } else { Vec::new() }
}

/// Walks the project and names every place that breaks the promise.
#[track_caller]
fn keep(promise: &str, rule: Rule) {
    let mut broken = Vec::new();
    for file in sources() {
        let at = |line| match file.text.lines().nth(usize::max(line, 1) - 1) {
            Some(text) if line > 0 => format!("  {}:{line}: {}", file.path, text.trim()),
            _ => format!("  {}", file.path),
        };
        broken.extend(rule(&file).into_iter().map(at));
    }
    let list = broken.join("\n");
    assert!(broken.is_empty(), "{promise}; broken by\n{list}");
}

#[test]
fn every_rule_catches_a_planted_offender() {
    #[track_caller]
    fn check(rule: Rule, path: &str, text: &str, broken: &[usize]) {
        assert_eq!(rule(&Source::new(path, text)), broken, "{path}: {text}");
    }
    let long = "x\n".repeat(701);
    let wide = "x".repeat(701);
    check(unopened_module, "edge/src/run.rs", "use std::fs;\n", &[0]);
    check(unopened_module, "edge/src/run.rs", "//! Runs.\n", &[]);
    check(overlong, "edge/src/run.rs", &long, &[0]);
    check(overlong, "protocol/tests/golden/batch.txt", &long, &[]);
    check(minified, "hub/assets/live.min.js", "", &[0]);
    check(minified, "hub/assets/live.js", &wide, &[1]);
    check(machine_path, "README.md", concat!("a\nin `/ho", "me/ann/x`"), &[2]);
    check(machine_path, "README.md", concat!("see hub/wo", "rk/x"), &[]);
    check(registry_host, "deny.toml", concat!("allow = [\"https://crates", ".io\"]"), &[1]);
    check(ignored_test, "edge/src/a.rs", concat!("#[", "ignore = \"slow\"]"), &[1]);
    check(unwrapping, "edge/src/a.rs", "a.b()\n    .unwrap();", &[2]);
    check(unwrapping, "edge/src/a.rs", "// never .unwrap()", &[]);
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n    a().unwrap();\n}";
    check(unwrapping, "edge/src/a.rs", tested, &[]);
    check(topic_literal, "hub/src/sync/feed.rs", "format!(\"g1/{site}\")", &[1]);
    check(topic_literal, "protocol/src/topic.rs", "format!(\"g1/{site}\")", &[]);
    check(impure_protocol, "protocol/src/id.rs", "pub async fn a() {}", &[1]);
    check(impure_role, "hub/src/orders/decide.rs", "let a = b.await;", &[1]);
    check(impure_role, "hub/src/orders/actions.rs", "let a = b.await;", &[]);
    check(stray_sql, "hub/src/orders/api.rs", "sqlx::query(q)", &[1]);
    check(stray_sql, "hub/src/orders/store.rs", "sqlx::query(q)", &[]);
    check(open_role, "hub/src/orders/mod.rs", "mod decide;\npub mod store;", &[2]);
    check(impure_role, "hub/src/orders/money.rs", "use sqlx::Row;", &[1]);
    check(impure_role, "hub/src/orders/store/list.rs", "use sqlx::Row;", &[]);
    check(odd_role, "hub/src/orders/helpers/one.rs", "", &[0]);
    check(odd_role, "hub/src/orders/pages/list.rs", "", &[]);
    check(odd_role, "hub/src/channels/import/parse.rs", "", &[]);
    check(odd_role, "hub/src/sync/mqtt/driver.rs", "", &[]);
    check(bad_manifest, "edge/Cargo.toml", "[dependencies]\nserde = \"1\"", &[2]);
    check(bad_manifest, "edge/Cargo.toml", "[dependencies]\npackline-hub.workspace = true", &[2]);
    check(bad_manifest, "edge/Cargo.toml", "[dependencies]\nserde.workspace = true", &[]);
    check(lax_script, "tests/run", "#!/usr/bin/env bash\n# Runs.\nset -eu\n", &[0]);
    check(lax_script, "tests/run", "#!/usr/bin/env bash\n# Runs.\nset -euo pipefail\n", &[]);
}
