//! The sources keep to what ARCHITECTURE.md says of them: a header, one idea, and imports as its tables allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which modules know a library (ARCHITECTURE.md, Invariants).
const LIBRARIES: [(&str, &[&str]); 6] = [
    ("axum::", &["rest"]),
    ("clap::", &["main", "commands"]),
    ("hyper::", &["server", "houston"]),
    ("reqwest::", &["houston"]),
    ("moka::", &["cache", "gateway"]),
    ("env::var", &["config"]),
];

/// All Rust sources below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("a folder").map(|each| each.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The module of the crate that a file belongs to: its first name below `src/`.
fn module(path: &Path) -> String {
    let name = path.components().nth(1).expect("below src/").as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

/// What of the crate itself a source imports: the names right behind `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0_usize;
        let mut name = String::new();
        for letter in group.chars() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.insert(word(&name));
                    name.clear();
                }
                _ if depth == 0 => name.push(letter),
                _ => {}
            }
        }
        found.insert(word(&name));
    }
    found.remove("");
    found
}

fn word(text: &str) -> String {
    text.trim_start().chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

/// The code map of ARCHITECTURE.md: what each module may import. `None` is everything.
fn allowed() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string("ARCHITECTURE.md").expect("the document");
    let mut allowed = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `src/")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [places, _, names] = cells.as_slice() else { panic!("not a row of the code map: {row}") };
        let names = (*names != "everything").then(|| names.split(", ").map(str::to_owned).collect());
        for place in places.split(", ").map(|place| place.trim_matches('`')) {
            allowed.insert(module(Path::new(place)), names.clone());
        }
    }
    allowed
}

#[test]
fn every_file_has_a_header_and_one_idea() {
    for folder in ["src", "houston-schema", "houston-sim", "tests/suite", "benches"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{} does not say what it is for", path.display());
            let (lines, most) = (text.lines().count(), if folder.starts_with("src") { 400 } else { 600 });
            assert!(lines <= most, "{} has {lines} lines: more than one idea?", path.display());
        }
    }
}

#[test]
fn imports_are_those_of_the_code_map() {
    let allowed = allowed();
    for (path, text) in sources("src") {
        let module = module(&path);
        if matches!(module.as_str(), "lib" | "main" | "commands") {
            // `crate` is the program there, which sees of the library what is public.
            continue;
        }
        let allowed = allowed.get(&module).unwrap_or_else(|| panic!("{module} is not in the code map"));
        let Some(allowed) = allowed else { continue };
        for import in imports(&text).into_iter().filter(|each| *each != module) {
            assert!(
                allowed.contains(&import),
                "{} imports {import}, which the code map does not allow",
                path.display()
            );
        }
    }
}

#[test]
fn libraries_stay_where_they_belong() {
    for (path, text) in sources("src") {
        let module = module(&path);
        for (library, modules) in LIBRARIES {
            let knows = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(library));
            assert!(!knows || modules.contains(&module.as_str()), "{} knows {library}", path.display());
        }
    }
}

#[test]
fn imports_are_found() {
    let text = "use crate::{a::{b, c}, d, e::{self, f}};\nuse crate::g::H;\nlet x = crate::i::j();";
    assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), ["a", "d", "e", "g", "i"]);
}
