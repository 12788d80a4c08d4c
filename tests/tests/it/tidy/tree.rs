//! The project's own files as the tidy rules see them.
//!
//! Build results, dot folders of editors and git's own data are not looked at.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file: its path from the top of the project with `/` between folders, and its text.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Every line with its number, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The lines of product code: without comments and without the tests at the end of the file.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.first_line_of_tests();
        self.lines()
            .take_while(move |(at, _)| *at < end)
            .map(|(at, line)| (at, line.split_once(" //").map_or(line, |(code, _)| code)))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The numbers of the lines of product code that hold one of `words`.
    pub fn code_with(&self, words: &[&str]) -> Vec<usize> {
        let holds = |line: &str| words.iter().any(|word| line.contains(word));
        let hits = self.code().filter(|(_, line)| holds(line));
        hits.map(|(at, _)| at).collect()
    }

    /// Whether the file has one of these endings.
    pub fn ends_with(&self, endings: &[&str]) -> bool {
        endings.iter().any(|end| self.path.ends_with(end))
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        let folders = ["/tests/", "/testing/"];
        let inside = folders.iter().any(|folder| self.path.contains(folder));
        inside || self.path.starts_with("tests/") || self.name() == "tests.rs"
    }

    /// The folder right under `hub/src/` that the file is in, if it is in one.
    pub fn hub_folder(&self) -> Option<&str> {
        let below = self.path.strip_prefix("hub/src/")?;
        below.split_once('/').map(|(folder, _)| folder)
    }

    /// The file's own name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    fn first_line_of_tests(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens =
            |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{');
        let found = lines.windows(2).position(opens);
        found.map_or(usize::MAX, |at| at + 1)
    }
}

/// The top folder of the project.
pub fn top() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("`tests` is in the project").into()
}

/// Every text file of the project, in the order of the paths.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&top(), "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 20, "the walk found next to nothing");
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && (!name.starts_with('.') || name == ".ci") {
                collect(&entry.path(), &format!("{path}/"), found);
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            found.push(Source { path, text });
        }
    }
}
