//! The files in `systemd/` as systemd's own tools see them.
//!
//! Whether the units start the real programs is the business of `tests/deb-story`, which boots them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const UNITS: [&str; 2] = ["packline-edge", "packline-hub"];

#[test]
fn systemd_finds_nothing_to_say_about_the_units() {
    for unit in UNITS {
        let copy = copy_that_names_an_existing_program(unit);
        let output =
            run(Command::new("systemd-analyze").args(["verify", "--man=no", "--recursive-errors=no"]).arg(&copy.file));
        // The exit status is 0 on unknown keys and bad values too: only silence is a pass.
        let said = both_streams(&output);
        assert!(output.status.success() && said.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn systemd_notices_a_misspelt_key() {
    let copy = copy_that_names_an_existing_program("packline-edge");
    let text = fs::read_to_string(&copy.file).unwrap();
    fs::write(&copy.file, text.replace("ProtectHome=", "ProtectHouse=")).unwrap();
    let output =
        run(Command::new("systemd-analyze").args(["verify", "--man=no", "--recursive-errors=no"]).arg(&copy.file));
    let said = both_streams(&output);
    assert!(said.contains("ProtectHouse"), "verify said `{said}`");
}

#[test]
fn the_sandboxes_are_tight() {
    // systemd's own measure, ten times its score: 0 is a locked box, 100 no box at all.
    check("packline-edge", 17);
    check("packline-hub", 15);

    #[track_caller]
    fn check(unit: &str, tenths_max: u32) {
        let copy = copy_that_names_an_existing_program(unit);
        let output = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={tenths_max}"))
            .arg(&copy.file));
        let table = both_streams(&output);
        assert!(output.status.success(), "{unit} is too open:\n{table}");
        assert!(table.contains("Overall exposure level"), "{unit}: {table}");
    }
}

#[test]
fn the_users_and_groups_can_be_created_on_a_bare_system() {
    let root = tempfile::tempdir().unwrap();
    for unit in UNITS {
        let file = folder().join(format!("sysusers.d/{unit}.conf"));
        let output = run(Command::new("systemd-sysusers")
            .arg("--dry-run")
            .arg(format!("--root={}", root.path().display()))
            .arg("-")
            .stdin(fs::File::open(file).unwrap()));
        let said = both_streams(&output);
        assert!(output.status.success(), "{unit}: {said}");
        assert!(said.contains(&format!("'{unit}'")), "{unit}: {said}");
    }
}

/// A unit in a folder of its own; the folder goes when the copy goes.
struct Copy {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

/// `verify` wants the program of `ExecStart=` to exist, which before installation it does not.
fn copy_that_names_an_existing_program(unit: &str) -> Copy {
    let text = fs::read_to_string(folder().join(format!("{unit}.service"))).unwrap();
    let program = format!("/usr/bin/{unit} ");
    assert!(text.contains(&program), "{unit} starts `{program}`");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{unit}.service"));
    fs::write(&file, text.replace(&program, "/bin/true ")).unwrap();
    Copy { file, _folder: folder }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{program:?} did not run ({error}); tests/run installs it"),
    }
}

fn both_streams(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}
