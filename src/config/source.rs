//! Where settings come from: the defaults, a file over them, the environment over both. Each setting is checked where it
//! comes from, so that every fault is found at once and told with its place.

use super::Config;
use secrecy::SecretString;
use std::{borrow::Cow, env, io, ops::Range, path::Path, path::PathBuf};
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

/// The defaults, with their documentation.
pub const DEFAULTS: &str = include_str!("../../config/gateway.toml");

const PREFIX: &str = "HOUSTON_GATEWAY";

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Settings are wrong. The text tells every fault, one of the file with line, column and a caret, one of the
    /// environment with its variable.
    #[error("{0}")]
    Faults(String),
    /// The defaults do not fit the program: a fault of the gateway.
    #[error("the built-in settings: {0}")]
    Defaults(#[from] Box<toml::de::Error>),
}

impl Config {
    /// Reads the settings: defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// If the file cannot be read, or a setting is unknown or unusable.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_with(file, |name| env::var(name).ok())
    }

    /// As [`Self::load`], with the environment as a function.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let defaults: Table = DEFAULTS.parse().map_err(Box::new)?;
        let mut settings = defaults.clone();
        let mut faults = Vec::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            overlay(&mut settings, read_file(&text, &path.display().to_string(), &defaults, &mut faults));
        }
        overlay(&mut settings, read_environment(&defaults, &variable, &mut faults));
        if !faults.is_empty() {
            return Err(ConfigError::Faults(faults.join("\n")));
        }
        let mut config: Self = settings.try_into().map_err(Box::new)?;
        config.admin_token =
            variable(&format!("{PREFIX}_ADMIN_TOKEN")).filter(|text| !text.is_empty()).map(SecretString::from);
        Ok(config)
    }
}

/// Reads a file.
fn read_file(text: &str, path: &str, defaults: &Table, faults: &mut Vec<String>) -> Table {
    let fault = |error: &toml::de::Error, span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let (number, column) = (before.matches('\n').count() + 1, span.start - line_start + 1);
        let carets = "^".repeat(span.len().clamp(1, line.len().saturating_sub(column - 1).max(1)));
        format!(
            "{path}:{number}:{column}: {}\n  | {line}\n  | {carets:>width$}",
            error.message(),
            width = column - 1 + carets.len()
        )
    };
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            faults.push(fault(&error, error.span().unwrap_or_default()));
            return Table::new();
        }
    };
    let own: Table = text.parse().unwrap_or_default();
    let mut check = |section: &Spanned<Cow<'_, str>>, name: Option<&Spanned<Cow<'_, str>>>, span: Range<usize>| {
        let mut alone = own.clone();
        alone.retain(|each, _| each == section.get_ref());
        if let (Some(name), Some(Value::Table(settings))) = (name, alone.get_mut(section.get_ref().as_ref())) {
            settings.retain(|each, _| each == name.get_ref());
        }
        if let Err(error) = fits(alone, defaults) {
            let unknown = error.message().starts_with("unknown field");
            faults.push(fault(&error, if unknown { name.unwrap_or(section).span() } else { span }));
        }
    };
    for (section, values) in document.get_ref() {
        match values.get_ref() {
            DeValue::Table(settings) if defaults.contains_key(section.get_ref().as_ref()) => {
                settings.iter().for_each(|(name, value)| check(section, Some(name), value.span()));
            }
            _ => check(section, None, values.span()),
        }
    }
    own
}

/// Reads the variables that name a setting.
fn read_environment(defaults: &Table, variable: &impl Fn(&str) -> Option<String>, faults: &mut Vec<String>) -> Table {
    let mut own = Table::new();
    let sections = defaults.iter().filter_map(|(section, values)| Some((section, values.as_table()?)));
    for (section, name, default) in sections.flat_map(|(section, all)| all.iter().map(move |(n, v)| (section, n, v))) {
        let variable_name = format!("{PREFIX}_{section}_{name}").to_uppercase();
        let Some(text) = variable(&variable_name) else { continue };
        let alone: Table =
            [(section.clone(), Value::Table([(name.clone(), like(default, &text))].into_iter().collect()))]
                .into_iter()
                .collect();
        if let Err(error) = fits(alone.clone(), defaults) {
            faults.push(format!("{variable_name}: {}", error.message()));
        }
        overlay(&mut own, alone);
    }
    own
}

/// Whether some settings, laid over the defaults, can be used.
fn fits(some: Table, defaults: &Table) -> Result<(), toml::de::Error> {
    let mut settings = defaults.clone();
    overlay(&mut settings, some);
    settings.try_into::<Config>().map(drop)
}

fn overlay(under: &mut Table, over: Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

/// Reads the text of an environment variable as the type that the setting has. Lists are comma separated.
fn like(default: &Value, text: &str) -> Value {
    match default {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => {
            let document: Option<Table> = format!("value = {text}").parse().ok();
            document.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
        }
    }
}
