//! The demo world, put together from `company.rs`.
//!
//! Ids and dates are the same in every run; only the log goes on.

use super::company::{DEPLOYMENTS, PEOPLE, TEAMS, WORKSPACES};
use super::{
    Binding, Cluster, Deployment, DeploymentMode, Email, Id, Invite, ServiceAccount, Subject, Team, Time, User,
    UserStatus, Variable, Workspace, World,
};
use crate::access::{Role, Scope};
use serde_json::{Map, Value as Json, json};

/// Tokens that work if the settings say so, and whose they are.
pub(crate) const PEOPLE_WITH_TOKENS: [(&str, &str); 3] = [
    ("demo-system-admin", "admin@example.com"),
    ("demo-workspace-admin", "jane.doe@example.com"),
    ("demo-workspace-viewer", "viewer@example.com"),
];

const PASSWORD: &str = "demo-password";

impl World {
    /// The demo world.
    pub(crate) fn demo() -> Self {
        let mut demo = Demo { world: Self::empty(), at: Time::parse("2021-11-15T09:12:44Z").unwrap_or_default() };
        demo.clusters();
        demo.people();
        demo.workspaces();
        demo.deployments();
        demo.teams();
        demo.service_accounts();
        demo.invites();
        demo.world.make_chatty();
        demo.world
    }
}

/// The world under construction, and the date it has got to.
struct Demo {
    world: World,
    at: Time,
}

impl Demo {
    /// The next day something happens.
    fn next(&mut self) -> Time {
        self.at = Time(self.at.plus_days(9).0 + 2_471_317);
        self.at
    }

    fn id(&mut self) -> Id {
        self.world.names.id(self.at)
    }

    fn user(&self, name: &str) -> Subject {
        let user = self.world.user_by_email(&format!("{name}@example.com"));
        Subject::User(user.map(|user| user.id.clone()).unwrap_or_default())
    }

    fn bind(&mut self, subject: Subject, role: &str, scope: Scope) {
        let Ok(role) = role.parse::<Role>() else { return };
        let (id, at) = (self.id(), self.at);
        self.world.bindings.add(Binding { id, role, subject, scope, created: at, updated: at });
    }

    fn workspace(&self, index: usize) -> Id {
        self.world.workspaces.ids().get(index).cloned().unwrap_or_default()
    }

    fn deployment(&self, index: usize) -> Id {
        self.world.deployments.ids().get(index).cloned().unwrap_or_default()
    }

    fn clusters(&mut self) {
        for (name, provider, version, host) in [
            ("eu-central-production", "aws", "1.33", "dp-eu.astro.example.com"),
            ("us-east-production", "gcp", "1.32", "dp-us.astro.example.com"),
        ] {
            let id = self.id();
            self.world.clusters.add(Cluster {
                config: json!({
                    "dataplane": {
                        "id": id, "url": host, "chartVersion": "2.1.0", "dbType": "postgres", "mode": "data",
                        "releaseName": "astronomer", "releaseNamespace": "astronomer",
                        "elasticsearch": {"enabled": true, "client": {"node": format!("https://es.{host}")}},
                    },
                    "commander": {"url": format!("commander.{host}"), "version": "2.1.0"},
                }),
                id,
                name: name.to_owned(),
                metadata_url: format!("https://{host}/metadata"),
                k8s_version: version.to_owned(),
                provider: provider.to_owned(),
                inactive: false,
                status_reason: Json::Null,
                health: json!({"status": "HEALTHY", "components": {"commander": "HEALTHY", "registry": "HEALTHY"}}),
                overrides: Map::new(),
            });
        }
    }

    fn people(&mut self) {
        for (index, (name, full_name)) in PEOPLE.into_iter().enumerate() {
            let at = self.next();
            let address = format!("{name}@example.com");
            let email = Email {
                id: self.id(),
                address: address.clone(),
                primary: true,
                // The last one has not answered the mail yet.
                verified: index < PEOPLE.len() - 1,
                token: (index == PEOPLE.len() - 1).then(|| self.world.names.key()),
                created: at,
                updated: at,
            };
            let status = match name {
                "rafael.souza" => UserStatus::Pending,
                "liam.gallagher" => UserStatus::Inactive,
                "nadia.petrova" => UserStatus::Banned,
                _ => UserStatus::Active,
            };
            let user = User {
                id: self.id(),
                username: address,
                full_name: full_name.to_owned(),
                status,
                emails: vec![email],
                password: Some(PASSWORD.to_owned()),
                reset_token: None,
                profile: vec![("avatarUrl".to_owned(), format!("https://avatars.example.com/{name}.png"))],
                created: at,
                updated: at,
            };
            self.world.users.add(user);
        }
        for (name, role) in
            [("admin", "SYSTEM_ADMIN"), ("priya.raman", "SYSTEM_EDITOR"), ("fatima.zahra", "SYSTEM_VIEWER")]
        {
            let subject = self.user(name);
            self.bind(subject, role, Scope::System);
        }
    }

    fn workspaces(&mut self) {
        for (label, description, members) in WORKSPACES {
            let at = self.next();
            let id = self.id();
            self.world.workspaces.add(Workspace {
                id: id.clone(),
                label: label.to_owned(),
                description: Some(description.to_owned()),
                created: at,
                updated: at,
                ..Workspace::default()
            });
            for (name, level) in members {
                let subject = self.user(name);
                self.bind(subject, &format!("WORKSPACE_{level}"), Scope::Workspace(id.clone()));
            }
        }
    }

    fn deployments(&mut self) {
        let clusters = self.world.clusters.ids();
        for (index, plan) in DEPLOYMENTS.into_iter().enumerate() {
            let at = self.next();
            let id = self.id();
            let (runtime, airflow) = match plan.image.strip_prefix("airflow:") {
                Some(version) => (None, Some(version.to_owned())),
                None => (Some(plan.image.to_owned()), None),
            };
            let git = index % 5 == 2;
            self.world.deployments.add(Deployment {
                id: id.clone(),
                workspace: self.workspace(plan.workspace),
                label: plan.label.to_owned(),
                description: Some(plan.description.to_owned()).filter(|text| !text.is_empty()),
                release_name: plan.release.to_owned(),
                namespace: format!("astronomer-{}", plan.release),
                version: "1.15.0".to_owned(),
                airflow_version: airflow,
                // Somebody wants the newest Runtime and has not pushed an image yet.
                desired_runtime_version: (index == 5).then(|| "12.7.1".to_owned()),
                runtime_version: runtime,
                config: config(plan.executor, index),
                properties: Map::from_iter([("extra_au".to_owned(), json!(if index == 0 { 20 } else { 0 }))]),
                alert_emails: if index < 3 { vec!["data-oncall@example.com".to_owned()] } else { Vec::new() },
                dag_deployment: if git { git_sync() } else { Map::from_iter([("type".to_owned(), "image".into())]) },
                variables: variables(index),
                deploys: plan.deploys,
                cluster: clusters.get(usize::from(index >= 10)).cloned(),
                mode: DeploymentMode::Helm,
                health: plan.health,
                created: at,
                updated: at,
                ..Deployment::default()
            });
            let members = WORKSPACES.get(plan.workspace).map(|(_, _, members)| *members).unwrap_or_default();
            for (name, level) in members.iter().filter(|(_, level)| *level != "VIEWER" || index < 2) {
                let subject = self.user(name);
                self.bind(subject, &format!("DEPLOYMENT_{level}"), Scope::Deployment(id.clone()));
            }
        }
    }

    fn teams(&mut self) {
        for (index, (name, provider, description, members)) in TEAMS.into_iter().enumerate() {
            let at = self.next();
            let id = self.id();
            let members = members.iter().filter_map(|name| match self.user(name) {
                Subject::User(id) => Some(id),
                _ => None,
            });
            let team = Team {
                id: id.clone(),
                name: name.to_owned(),
                provider: provider.to_owned(),
                description: Some(description.to_owned()),
                members: members.collect(),
                created: at,
            };
            self.world.teams.add(team);
            let subject = Subject::Team(id);
            let (role, workspace) = match index {
                0 => ("WORKSPACE_ADMIN", 4),
                1 => ("WORKSPACE_EDITOR", 0),
                2 => ("WORKSPACE_VIEWER", 1),
                _ => ("WORKSPACE_EDITOR", 2),
            };
            let scope = Scope::Workspace(self.workspace(workspace));
            self.bind(subject.clone(), role, scope);
            if index == 1 {
                let scope = Scope::Deployment(self.deployment(1));
                self.bind(subject.clone(), "DEPLOYMENT_EDITOR", scope);
            }
            if index == 0 {
                self.bind(subject, "SYSTEM_VIEWER", Scope::System);
            }
        }
    }

    fn service_accounts(&mut self) {
        let (platform, marketing) = (self.workspace(0), self.workspace(1));
        let (production, staging, scoring) = (self.deployment(0), self.deployment(1), self.deployment(12));
        for (label, category, role, scope) in [
            ("Platform backup", "operations", "SYSTEM_VIEWER", Scope::System),
            ("Terraform", "automation", "SYSTEM_ADMIN", Scope::System),
            ("Workspace reporting", "reporting", "WORKSPACE_VIEWER", Scope::Workspace(platform.clone())),
            ("Provisioning", "automation", "WORKSPACE_EDITOR", Scope::Workspace(platform)),
            ("Campaign sync", "automation", "WORKSPACE_EDITOR", Scope::Workspace(marketing)),
            ("GitHub Actions", "ci", "DEPLOYMENT_EDITOR", Scope::Deployment(production.clone())),
            ("Datadog", "monitoring", "DEPLOYMENT_VIEWER", Scope::Deployment(production)),
            ("GitHub Actions", "ci", "DEPLOYMENT_EDITOR", Scope::Deployment(staging)),
            ("Model registry", "automation", "DEPLOYMENT_ADMIN", Scope::Deployment(scoring)),
        ] {
            let at = self.next();
            let account = ServiceAccount {
                id: self.id(),
                api_key: self.world.names.key(),
                label: label.to_owned(),
                category: Some(category.to_owned()),
                last_used: (category != "reporting").then(|| at.plus_days(40)),
                created: at,
                updated: at,
            };
            let account = self.world.service_accounts.add(account);
            self.bind(Subject::ServiceAccount(account.id.clone()), role, scope);
        }
    }

    fn invites(&mut self) {
        for (email, assignment) in [
            ("nora.schmidt@example.com", Some((0, "WORKSPACE_EDITOR"))),
            ("external.auditor@example.org", Some((2, "WORKSPACE_VIEWER"))),
            ("new.hire@example.com", None),
        ] {
            let at = self.next();
            let assignment = assignment.and_then(|(index, role)| Some((self.workspace(index), role.parse().ok()?)));
            let invite = Invite {
                id: self.id(),
                email: email.to_owned(),
                token: self.world.names.key(),
                assignment,
                deployment_roles: Vec::new(),
                created: at,
                updated: at,
            };
            self.world.invites.add(invite);
        }
    }
}

fn config(executor: &str, index: usize) -> Map<String, Json> {
    let large = index.is_multiple_of(3);
    let resources = |cpu: u32, memory: u32| {
        let amount = json!({"cpu": cpu, "memory": memory});
        json!({"limits": amount, "requests": amount})
    };
    let config = json!({
        "executor": executor,
        "scheduler": {"replicas": if large { 2 } else { 1 }, "resources": resources(1000, 3840)},
        "webserver": {"replicas": 1, "resources": resources(500, 1920)},
        "workers": {
            "replicas": if large { 4 } else { 2 },
            "terminationGracePeriodSeconds": 600,
            "resources": resources(1000, 3840),
        },
        "triggerer": {"replicas": 1, "resources": resources(500, 1920)},
    });
    config.as_object().cloned().unwrap_or_default()
}

fn git_sync() -> Map<String, Json> {
    let dags = json!({
        "type": "git_sync",
        "repositoryUrl": "https://git.example.com/data/ingestion-dags.git",
        "branchName": "main",
        "syncInterval": 60,
        "syncTimeout": 120,
        "dagDirectoryLocation": "dags",
    });
    dags.as_object().cloned().unwrap_or_default()
}

fn variables(index: usize) -> Vec<Variable> {
    let variable =
        |key: &str, value: &str, secret: bool| Variable { key: key.to_owned(), value: value.to_owned(), secret };
    let mut variables = vec![
        variable("AIRFLOW__CORE__PARALLELISM", "64", false),
        variable("AIRFLOW__WEBSERVER__DEFAULT_UI_TIMEZONE", "Europe/Paris", false),
        variable("AWS_DEFAULT_REGION", "eu-central-1", false),
    ];
    if index.is_multiple_of(2) {
        variables.push(variable("SNOWFLAKE_PASSWORD", "correct-horse-battery", true));
        variables.push(variable("SNOWFLAKE_USER", "svc_airflow", false));
    }
    if index < 3 {
        variables.push(variable("SLACK_WEBHOOK", "https://hooks.slack.example.com/T00/B00/x1y2z3", true));
    }
    variables
}
