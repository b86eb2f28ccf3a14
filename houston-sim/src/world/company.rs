//! The people and plans of the demo world: a company some years into using its data platform.

use super::Health;

/// E-mail address (the part before the @) and name. The first is the system admin.
pub(super) const PEOPLE: [(&str, &str); 24] = [
    ("admin", "Ada Moreau"),
    ("jane.doe", "Jane Doe"),
    ("viewer", "Victor Ibarra"),
    ("priya.raman", "Priya Raman"),
    ("tomas.novak", "Tomáš Novák"),
    ("lucia.ferrari", "Lucia Ferrari"),
    ("samuel.okafor", "Samuel Okafor"),
    ("mei.tanaka", "Mei Tanaka"),
    ("oliver.brandt", "Oliver Brandt"),
    ("hannah.lindqvist", "Hannah Lindqvist"),
    ("diego.alvarez", "Diego Álvarez"),
    ("fatima.zahra", "Fatima Zahra"),
    ("george.papadakis", "George Papadakis"),
    ("nadia.petrova", "Nadia Petrova"),
    ("kwame.mensah", "Kwame Mensah"),
    ("isabelle.dubois", "Isabelle Dubois"),
    ("arjun.mehta", "Arjun Mehta"),
    ("sofia.costa", "Sofia Costa"),
    ("liam.gallagher", "Liam Gallagher"),
    ("yuki.sato", "Yuki Sato"),
    ("marta.kowalska", "Marta Kowalska"),
    ("ben.carter", "Ben Carter"),
    ("chloe.martin", "Chloé Martin"),
    ("rafael.souza", "Rafael Souza"),
];

/// Who is in a workspace, and with which level of role.
type Members = &'static [(&'static str, &'static str)];

/// Label, description and members.
pub(super) const WORKSPACES: [(&str, &str, Members); 5] = [
    (
        "Data Platform",
        "Core pipelines: ingestion, warehouse loads and shared marts",
        &[
            ("admin", "ADMIN"),
            ("jane.doe", "ADMIN"),
            ("viewer", "VIEWER"),
            ("priya.raman", "EDITOR"),
            ("tomas.novak", "EDITOR"),
            ("samuel.okafor", "VIEWER"),
            ("mei.tanaka", "EDITOR"),
        ],
    ),
    (
        "Marketing Analytics",
        "Campaign attribution and audience exports",
        &[
            ("jane.doe", "ADMIN"),
            ("lucia.ferrari", "EDITOR"),
            ("chloe.martin", "EDITOR"),
            ("diego.alvarez", "VIEWER"),
            ("sofia.costa", "VIEWER"),
        ],
    ),
    (
        "Finance Reporting",
        "Month-end close, reconciliation and regulatory reports",
        &[
            ("oliver.brandt", "ADMIN"),
            ("hannah.lindqvist", "EDITOR"),
            ("george.papadakis", "EDITOR"),
            ("isabelle.dubois", "VIEWER"),
        ],
    ),
    (
        "Machine Learning",
        "Feature pipelines, training and batch scoring",
        &[
            ("arjun.mehta", "ADMIN"),
            ("mei.tanaka", "EDITOR"),
            ("yuki.sato", "EDITOR"),
            ("nadia.petrova", "VIEWER"),
            ("rafael.souza", "VIEWER"),
        ],
    ),
    (
        "Sandbox",
        "Try things here; deployments are removed after 30 days",
        &[("admin", "ADMIN"), ("ben.carter", "EDITOR"), ("kwame.mensah", "EDITOR"), ("liam.gallagher", "VIEWER")],
    ),
];

pub(super) struct Plan {
    pub(super) workspace: usize,
    pub(super) label: &'static str,
    pub(super) description: &'static str,
    pub(super) release: &'static str,
    /// A Runtime version, or an Airflow version after `airflow:`.
    pub(super) image: &'static str,
    pub(super) executor: &'static str,
    pub(super) deploys: u32,
    pub(super) health: Health,
}

const fn plan(
    workspace: usize,
    label: &'static str,
    description: &'static str,
    release: &'static str,
    image: &'static str,
    executor: &'static str,
    deploys: u32,
) -> Plan {
    Plan { workspace, label, description, release, image, executor, deploys, health: Health::Healthy }
}

const CELERY: &str = "CeleryExecutor";
const KUBERNETES: &str = "KubernetesExecutor";
const LOCAL: &str = "LocalExecutor";

pub(super) const DEPLOYMENTS: [Plan; 14] = [
    plan(0, "Warehouse Production", "Nightly loads into the warehouse", "stellar-horizon-4217", "12.7.1", CELERY, 214),
    plan(0, "Warehouse Staging", "What goes to production next", "lunar-equinox-8034", "12.7.1", CELERY, 389),
    plan(0, "Ingestion Production", "Connectors to partner systems", "boreal-comet-1596", "11.10.0", KUBERNETES, 122),
    plan(0, "Ingestion Staging", "", "gaseous-apogee-7742", "11.10.0", KUBERNETES, 201),
    plan(1, "Attribution", "Multi-touch attribution, hourly", "solar-parallax-2308", "11.10.0", CELERY, 76),
    plan(1, "Audience Exports", "Segments to ad platforms", "cosmic-meteor-6651", "10.9.0", CELERY, 41),
    plan(1, "Marketing Development", "", "orbital-photon-0973", "12.7.1", LOCAL, 18),
    plan(2, "Month-End Close", "Runs on the first three working days", "galactic-zenith-5120", "10.9.0", CELERY, 58),
    Plan {
        health: Health::Unhealthy,
        ..plan(2, "Reconciliation", "Ledger against bank files", "magnetic-corona-3389", "airflow:2.9.3", CELERY, 33)
    },
    plan(2, "Regulatory Reports", "", "nebular-gravity-9045", "airflow:2.7.3", LOCAL, 12),
    plan(3, "Feature Store", "Daily and streaming features", "planetary-pulsar-2764", "12.7.1", KUBERNETES, 167),
    plan(3, "Training", "Weekly retraining on GPU nodes", "crystalline-nova-8412", "12.7.1", KUBERNETES, 93),
    plan(3, "Batch Scoring", "Churn and demand forecasts", "interstellar-quasar-1187", "11.10.0", KUBERNETES, 105),
    Plan {
        health: Health::Unknown,
        ..plan(4, "Airflow 2 Tryout", "Migration experiments", "zodiacal-spectrum-6620", "airflow:2.2.4", LOCAL, 3)
    },
];

/// Name, provider, description and members.
pub(super) const TEAMS: [(&str, &str, &str, &[&str]); 4] = [
    ("Platform Engineering", "local", "Runs the platform itself", &["admin", "priya.raman", "tomas.novak"]),
    (
        "Data Engineers",
        "okta",
        "Synchronised from Okta",
        &["mei.tanaka", "samuel.okafor", "kwame.mensah", "ben.carter"],
    ),
    ("Analysts", "okta", "Synchronised from Okta", &["diego.alvarez", "sofia.costa", "fatima.zahra"]),
    ("Finance Operations", "local", "Month-end crew", &["oliver.brandt", "marta.kowalska"]),
];
