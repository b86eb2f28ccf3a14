//! Faults of the catalogue: each has a rejected fixture with its expected report, and an accepted twin.
//!
//! `UPDATE_FIXTURES=1 cargo test` writes the reports anew.

use houston_gateway::catalogue::{Catalogue, SourceFile};
use houston_schema::{HoustonSchema, NEWEST, SDL};
use std::{collections::BTreeSet, fs, path::Path};

/// The reports for one file: of reading it, and of fitting it to the newest release.
fn reports(path: &Path) -> Option<String> {
    let name = path.file_name().expect("a name").to_str().expect("a plain name");
    let file = SourceFile { path: name.to_owned(), text: fs::read_to_string(path).expect("a fixture") };
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("the schema");
    let catalogue = match Catalogue::compile(schema, &[file]) {
        Ok(catalogue) => catalogue,
        Err(faults) => return Some(faults.to_string()),
    };
    let (_, faults) = catalogue.plan(&catalogue.schema.at(NEWEST).expect("a slice"), NEWEST);
    (!faults.is_empty()).then(|| faults.to_string())
}

fn names(folder: &str) -> BTreeSet<String> {
    let files =
        fs::read_dir(format!("tests/catalogue/{folder}")).expect("a folder").map(|each| each.expect("a file").path());
    let fixtures = files.filter(|path| path.extension().is_some_and(|ending| ending == "graphql"));
    fixtures.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_rejected_fixture_has_an_accepted_twin() {
    assert_eq!(names("rejected"), names("accepted"));
}

#[test]
fn rejected_fixtures_are_reported_with_line_column_and_caret() {
    for name in names("rejected") {
        let found = reports(Path::new(&format!("tests/catalogue/rejected/{name}.graphql"))).unwrap_or_default();
        assert!(found.contains(&format!("{name}.graphql:")), "{name} is not reported with its place: {found}");
        let expected = format!("tests/catalogue/rejected/{name}.txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&expected, format!("{found}\n")).expect("a writable fixture");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(found.trim_end(), expected.trim_end(), "{name}");
    }
}

/// The messages of all faults, as they stand in the sources: written where the fault is made, or named `message` before.
#[test]
fn every_fault_has_a_rejected_fixture() {
    let reports: String = names("rejected")
        .iter()
        .map(|name| fs::read_to_string(format!("tests/catalogue/rejected/{name}.txt")).expect("a report"))
        .collect();
    let told: Vec<_> = reports.lines().filter_map(|line| line.strip_prefix("Error: ")).collect();
    let mut known = 0;
    for file in fs::read_dir("src/catalogue").expect("a folder").map(|each| each.expect("a file").path()) {
        let source = fs::read_to_string(&file).expect("a source");
        for (place, is_fault) in [("Fault::new(", true), (".unknown(", false), ("let message = ", false)] {
            for rest in source.split(place).skip(1) {
                let rest = rest.trim_start().trim_start_matches('&');
                let rest = rest.strip_prefix("format!(").unwrap_or(rest).trim_start();
                let Some(message) = literal(rest) else {
                    assert!(!is_fault || rest.starts_with("message"), "{}: Fault::new({rest:.40}", file.display());
                    continue;
                };
                known += 1;
                assert!(told.iter().any(|line| fits(&message, line)), "{}: no fixture for {message}", file.display());
            }
        }
    }
    assert!(known > 30, "only {known} faults were found in the sources");
}

/// The string literal that a text begins with.
fn literal(text: &str) -> Option<String> {
    let text = text.strip_prefix('"')?;
    let end = text.match_indices('"').map(|(at, _)| at).find(|at| !text[..*at].ends_with('\\'))?;
    Some(text[..end].replace("\\\"", "\""))
}

/// Whether a line can come from a format string: its plain parts stand there in order.
fn fits(format: &str, line: &str) -> bool {
    let plain = format.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut rest = line.to_owned();
    plain.split('{').enumerate().all(|(index, part)| {
        let part = if index == 0 { part } else { part.split_once('}').map_or("", |(_, part)| part) };
        let part = part.replace('\u{1}', "{").replace('\u{2}', "}");
        let found = rest.find(&part).map(|at| rest.split_off(at + part.len()));
        found.is_some_and(|after| {
            rest = after;
            true
        })
    })
}

#[test]
fn accepted_fixtures_are_accepted() {
    for name in names("accepted") {
        let found = reports(Path::new(&format!("tests/catalogue/accepted/{name}.graphql")));
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn the_built_in_catalogue_fits_every_release() {
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("the schema");
    let catalogue =
        Catalogue::compile(schema, &houston_gateway::catalogue::embedded()).unwrap_or_else(|faults| panic!("{faults}"));
    for release in houston_schema::RELEASES {
        let (_, faults) = catalogue.plan(&catalogue.schema.at(release).expect("a slice"), release);
        assert!(faults.is_empty(), "at {release}: {faults}");
    }
}

#[test]
fn the_servers_own_names_of_input_types_hold() {
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("the schema");
    let catalogue =
        Catalogue::compile(schema, &houston_gateway::catalogue::embedded()).unwrap_or_else(|faults| panic!("{faults}"));
    let slice = catalogue.schema.at(NEWEST).expect("a slice").to_string();
    let renamed = slice
        .replace("input DagDeployment ", "input DagDeploymentInput ")
        .replace(": DagDeployment,", ": DagDeploymentInput,");
    assert_ne!(slice, renamed);
    let server = apollo_compiler::Schema::parse_and_validate(renamed, "introspection").expect("a schema");
    let (plans, faults) = catalogue.plan(&server, NEWEST);
    assert!(faults.is_empty(), "{faults}");
    let upsert = plans.by_name("UpsertDeployment").expect("a plan");
    assert!(upsert.document.contains("$dagDeployment: DagDeploymentInput"), "{}", upsert.document);
}

#[test]
fn an_undocumented_shape_is_taken_from_introspection() {
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("the schema");
    let catalogue =
        Catalogue::compile(schema, &houston_gateway::catalogue::embedded()).unwrap_or_else(|faults| panic!("{faults}"));
    let slice = catalogue.schema.at(NEWEST).expect("a slice");
    let (plans, _) = catalogue.plan(&slice, NEWEST);
    assert!(plans.by_name("ReconcileClusters").is_none(), "nobody knows what it returns");
    let told = format!(
        "{slice} extend type Mutation {{ reconcileClusterMetadataJob: Job }} type Job {{ id: ID state: String }}"
    );
    let server = apollo_compiler::Schema::parse_and_validate(told, "introspection").expect("a schema");
    let (plans, faults) = catalogue.plan(&server, NEWEST);
    assert!(faults.is_empty(), "{faults}");
    let plan = plans.by_name("ReconcileClusters").expect("a plan");
    assert!(plan.document.contains("{ id state }"), "{}", plan.document);
}
