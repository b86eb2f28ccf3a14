//! The program from outside: its commands, where its settings come from, its exit codes, its end.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// The program, with an environment of nothing but these variables.
fn program(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_houston-gateway"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command
}

/// What a command prints, after checking its exit code.
#[track_caller]
fn run(arguments: &[&str], variables: &[(&str, &str)], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = program(arguments, variables).output().expect("the program");
    let (out, err) = (String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"));
    assert_eq!(status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

/// A folder that goes away with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("houston-gateway-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("a file");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A gateway that serves the demo, and what it logs.
struct Serving {
    process: Child,
    log: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Serving {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let arguments = [&["serve", "--demo", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut process = program(&arguments, variables).stdout(Stdio::piped()).spawn().expect("the program");
        let mut log = BufReader::new(process.stdout.take().expect("its output"));
        let mut greeting = String::new();
        log.read_line(&mut greeting).expect("a greeting");
        let address =
            greeting.split([' ', ',']).find(|word| word.starts_with("http://")).expect("an address").to_owned();
        Self { process, log, address }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.get(format!("{}{path}", self.address)).header("x-api-key", "demo-workspace-admin");
        request.send().await.expect("an answer")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// What was logged until the end, after checking that it ended well.
    async fn end(mut self) -> String {
        tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            self.log.read_to_string(&mut rest).expect("text");
            assert_eq!(self.process.wait().expect("an end").code(), Some(0), "{rest}");
            rest
        })
        .await
        .expect("an end")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Only if a test failed is it still there.
        drop(self.process.kill());
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let folder = Folder::new("precedence", &[("gateway.toml", "[houston]\nversion = \"0.25.0\"\n")]);
    let file = folder.path("gateway.toml");
    let clusters = |arguments: &[&str], variables: &[(&str, &str)]| {
        let (table, _) = run(&[&["routes"], arguments].concat(), variables, 0);
        let line = table.lines().find(|line| line.contains("\tListClusters\t")).expect("a route").to_owned();
        line.ends_with("\tListClusters")
    };
    let variable = [("HOUSTON_GATEWAY_HOUSTON_VERSION", "1.0.0")];
    assert!(clusters(&[], &[]), "the newest by default");
    assert!(!clusters(&["--config", &file], &[]));
    assert!(clusters(&["--config", &file], &variable));
    assert!(!clusters(&["--config", &file, "--houston-version", "0.34.0"], &variable));
}

#[test]
fn check_tells_every_fault_of_operations_and_settings() {
    let (report, _) = run(&["check"], &[], 0);
    assert!(report.contains("Houston 0.25.0: ") && report.ends_with("operations, no faults\n"), "{report}");
    let operations =
        "# Read things\nquery GetThings @rest(method: GET, path: \"/things\") { workspaces { nme lable } }\n";
    let folder = Folder::new(
        "check",
        &[("things.graphql", operations), ("gateway.toml", "[cache]\nenabled = 1\n[log]\nformat = \"xml\"\n")],
    );
    let (_, report) = run(&["check", "--operations", folder.0.to_str().expect("a path")], &[], 65);
    for part in ["things.graphql:2:", "Workspace has no field nme", "did you mean label?", "──", "2 faults"] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let (_, report) = run(&["check", "--config", &folder.path("gateway.toml")], &[], 78);
    for part in ["gateway.toml:2:11: ", "gateway.toml:4:10: ", "^"] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    run(&["check", "--config", &folder.path("missing.toml")], &[], 78);
    run(&["check", "--operations", &folder.path("missing")], &[], 65);
    run(&["check", "--houston-url", "http://127.0.0.1:1/v1"], &[], 69);
}

#[test]
fn what_the_command_line_does_not_know_is_64() {
    for wrong in [
        &["serve", "--token", "x"] as &[&str],
        &["serve", "--admin-token", "x"],
        &["serve", "--listen", "nowhere"],
        &["check", "--houston-url", "ftp://houston/v1"],
        &["check", "--houston-version", "newest"],
        &["openapi", "--format", "4.0"],
        &["dance"],
        &[],
    ] {
        let (out, err) = run(wrong, &[], 64);
        assert!(out.is_empty() && !err.is_empty(), "{wrong:?}");
    }
    let (help, _) = run(&["serve", "--help"], &[], 0);
    assert!(
        !help.to_lowercase().contains("token"),
        "a secret on the command line is in every list of processes: {help}"
    );
}

#[test]
fn documents_come_in_each_format() {
    for (format, member, version) in
        [("3.0", "openapi", "3.0.3"), ("3.1", "openapi", "3.1.0"), ("2.0", "swagger", "2.0")]
    {
        let (text, _) = run(&["openapi", "--format", format, "--houston-version", "0.34.0"], &[], 0);
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document[member], version);
        assert!(document["paths"]["/clusters"].is_null() && document["paths"]["/teams"].is_object(), "at 0.34.0");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut process = program(&["openapi"], &[]).stdout(Stdio::piped()).spawn().expect("the program");
    drop(process.stdout.take());
    assert_eq!(process.wait().expect("an end").code(), Some(0));
}

#[tokio::test]
async fn serve_logs_as_json_tells_its_health_and_ends_on_sigterm() {
    let gateway =
        Serving::start(&[], &[("HOUSTON_GATEWAY_LOG_FORMAT", "json"), ("HOUSTON_GATEWAY_LOG_FILTER", "info")]);
    assert_eq!(gateway.get("/workspaces").await.status(), 200);
    let address = gateway.address.trim_start_matches("http://").to_owned();
    let variables = [("HOUSTON_GATEWAY_SERVER_LISTEN", address.as_str())];
    run(&["healthcheck"], &variables, 0);
    gateway.signal("TERM");
    let log = gateway.end().await;
    let (_, why) = run(&["healthcheck"], &variables, 69);
    assert!(why.contains("is not alive"), "{why}");
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let access =
        lines.iter().find(|line| line["target"] == "access").unwrap_or_else(|| panic!("no access line: {log}"));
    assert_eq!(
        (&access["method"], &access["route"], &access["status"]),
        (&"GET".into(), &"ListWorkspaces".into(), &200.into())
    );
    for field in ["timestamp", "level", "microseconds", "request_id"] {
        assert!(!access[field].is_null(), "{field}: {access}");
    }
    for line in &lines {
        assert!(!line.to_string().contains("demo-workspace-admin"), "{line}");
    }
}

#[tokio::test]
async fn a_second_signal_cuts_off_what_still_runs() {
    let gateway = Serving::start(&[], &[("HOUSTON_GATEWAY_SERVER_DRAIN_MS", "600000")]);
    // Half a request, for which the gateway would wait.
    let mut half =
        tokio::net::TcpStream::connect(gateway.address.trim_start_matches("http://")).await.expect("a connection");
    let begin = b"POST /workspaces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut half, begin).await.expect("a writable connection");
    gateway.get("/livez").await;
    gateway.signal("TERM");
    gateway.signal("INT");
    let log = gateway.end().await;
    assert!(log.contains("shutting down") || log.contains("told to stop again"), "{log}");
    drop(half);
}

#[test]
fn an_address_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (_, why) = run(&["serve", "--demo", "--listen", &address], &[], 69);
    assert!(why.contains("cannot listen on") && why.contains(&address), "{why}");
}

#[test]
fn the_example_of_all_settings_is_a_configuration() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateway.toml");
    run(&["check", "--config", file.to_str().expect("a path")], &[], 0);
}
