//! Settings: where they come from, and what is said about wrong ones.

use houston_gateway::config::{Config, ConfigError, DEFAULTS};
use std::{fs, path::PathBuf};

/// A configuration file that goes away with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("houston-gateway-{}-{name}.toml", std::process::id()));
        fs::write(&path, text).expect("a writable folder");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let file = File::new(
        "order",
        "[houston]\nretries = 7\n[cache]\nenabled = false\n[cors]\nallowed_origins = [\"https://a\"]\n",
    );
    let variable = |name: &str| match name {
        "HOUSTON_GATEWAY_HOUSTON_RETRIES" => Some("9".to_owned()),
        "HOUSTON_GATEWAY_HOUSTON_URL" => Some("https://houston.example.com/v1".to_owned()),
        "HOUSTON_GATEWAY_CORS_ALLOWED_ORIGINS" => Some("https://b, https://c".to_owned()),
        "HOUSTON_GATEWAY_ADMIN_TOKEN" => Some("secret-of-the-operator".to_owned()),
        _ => None,
    };
    let config = Config::load_with(Some(&file.0), variable).expect("settings");
    assert_eq!(config.houston.retries, 9);
    assert_eq!(config.houston.url.as_str(), "https://houston.example.com/v1");
    assert!(!config.cache.enabled);
    assert_eq!(config.cors.allowed_origins, ["https://b", "https://c"]);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(!format!("{config:?}").contains("secret-of-the-operator"));
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place() {
    let text = "[server]\nlisten = \"nowhere\"\nspeed = 3\n\n[houston]\nretries = -1\n\n[weather]\nsunny = true\n";
    let file = File::new("faults", text);
    let ConfigError::Faults(report) = Config::load_with(Some(&file.0), |_| None).expect_err("faults") else {
        panic!("a file")
    };
    for part in [
        ":2:10: ",
        ":3:1: unknown field `speed`",
        ":6:11: ",
        ":8:2: unknown field `weather`",
        "  | speed = 3\n  | ^^^^^",
    ] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let file = File::new("syntax", "[server\nlisten = 1\n");
    let ConfigError::Faults(report) = Config::load_with(Some(&file.0), |_| None).expect_err("faults") else {
        panic!("a file")
    };
    assert!(report.contains(":1:"), "{report}");
}

#[test]
fn every_wrong_variable_is_named() {
    let wrong = [
        ("HOUSTON_GATEWAY_CACHE_ENABLED", "perhaps", "invalid type: string \"perhaps\", expected a boolean"),
        ("HOUSTON_GATEWAY_HOUSTON_RETRIES", "many", "invalid type: string \"many\", expected u32"),
        ("HOUSTON_GATEWAY_HOUSTON_URL", "houston.example.com", "is no address"),
        ("HOUSTON_GATEWAY_SERVER_BASE_PATH", "houston/", "is no prefix like \"/houston\""),
    ];
    let variable = |asked: &str| wrong.iter().find(|(name, ..)| *name == asked).map(|(_, text, _)| (*text).to_owned());
    let report = Config::load_with(None, variable).expect_err("faults").to_string();
    assert_eq!(report.lines().count(), wrong.len(), "{report}");
    for (name, _, why) in wrong {
        assert!(report.lines().any(|line| line.starts_with(name) && line.contains(why)), "{name}: {report}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (section, setting, why) in [
        ("server", "base_path = \"houston\"", "no prefix"),
        ("server", "base_path = \"/houston/\"", "no prefix"),
        ("server", "base_path = \"/a//b\"", "no prefix"),
        ("server", "base_path = \"/{a}\"", "no prefix"),
        ("server", "public_url = \"api.example.com\"", "is no address"),
        ("server", "body_timeout_ms = 0", "at least 1"),
        ("server", "trusted_proxies = [\"10.0.0.0/8\"]", "invalid IP address"),
        ("houston", "url = \"ftp://houston/v1\"", "http://"),
        ("houston", "websocket_url = \"https://houston/ws\"", "ws://"),
        ("houston", "version = \"newest\"", "newest"),
        ("houston", "probe_interval_ms = 0", "at least 1"),
        ("houston", "deadline_ms = 9000000000000000000", "at most 31 days"),
        ("houston", "max_in_flight = 0", "at least 1"),
        ("houston", "breaker_failures = 0", "at least 1"),
        ("cache", "ttl_seconds = { ListWorkspaces = 9000000000000000000 }", "at most 31 days"),
        ("streams", "heartbeat_ms = 0", "at least 1"),
        ("houston", "reply_limit_bytes = 0", "at least 1"),
        ("streams", "buffer_events = 0", "at least 1"),
        ("streams", "buffer_events = 9000000000000000000", "at most 65536"),
        ("cors", "allowed_origins = [\"https://tools.example.com/\"]", "no origin"),
        ("log", "filter = \"gateway=loud\"", "no filter"),
        ("log", "format = \"yaml\"", "unknown variant"),
    ] {
        let file = File::new(setting.split(' ').next().expect("a name"), &format!("[{section}]\n\n{setting}\n"));
        let report = Config::load_with(Some(&file.0), |_| None).expect_err(setting).to_string();
        assert!(report.contains(":3:") && report.contains(why), "{setting}: {report}");
    }
}

#[test]
fn the_file_of_defaults_explains_every_setting() {
    let lines: Vec<_> = DEFAULTS.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
        assert!(lines[number - 1].starts_with('#'), "{line} has no comment above it");
    }
}
