//! The installation: version, defaults, releases.

use super::walk;
use crate::harness::{ADMIN, VIEWER};
use houston_schema::NEWEST;
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /platform/config",
    "GET /platform/update",
    "GET /platform/deployment-config",
    "GET /namespaces",
    "GET /airflow-releases",
    "GET /airflow-releases/{tag}",
    "GET /runtime-releases",
];

#[tokio::test]
async fn the_platform_tells_what_it_is_and_what_it_knows() {
    walk(ROUTES, async |w| {
        let config = w.get("", "/platform/config").await.expect(200).json();
        assert_eq!(config["version"], w.version.to_string());
        assert_eq!(config.get("manualReleaseNames").is_some(), !w.since(2, 0, 0), "gone with 2.0");

        let update = w.guarded(ADMIN, VIEWER, Method::GET, "/platform/update", Value::Null).await;
        if w.version == NEWEST {
            assert_eq!(update.expect(204).text, "");
        } else {
            assert_eq!(update.expect(200).json()["version"], NEWEST.to_string());
        }

        let path = "/platform/deployment-config";
        let defaults = w.to_members(VIEWER, Method::GET, path, Value::Null).await.expect(200).json();
        assert_eq!(defaults["astroUnit"]["cpu"], 100);

        let namespaces = if w.since(1, 0, 0) {
            let without = w.get(VIEWER, "/namespaces").await.expect(400);
            assert_eq!(without.json()["errors"][0]["parameter"], "clusterId");
            let cluster = super::id(&w.list(ADMIN, "/clusters").await[0]);
            format!("/namespaces?clusterId={cluster}")
        } else {
            let with = w.get(VIEWER, "/namespaces?clusterId=x").await.expect(422);
            assert_eq!(with.problem(), "NOT_IN_THIS_VERSION");
            "/namespaces".to_owned()
        };
        let free = w.to_members(VIEWER, Method::GET, &namespaces, Value::Null).await.expect(200);
        assert!(super::items(&free).contains(&json!({ "name": "ml-sandbox" })));

        let releases = w.to_members(VIEWER, Method::GET, "/airflow-releases", Value::Null).await.expect(200);
        let first = super::items(&releases)[0].clone();
        let one = format!("/airflow-releases/{}", first["tag"].as_str().expect("a tag"));
        assert_eq!(w.to_members(VIEWER, Method::GET, &one, Value::Null).await.expect(200).json(), first);
        w.unknown(VIEWER, Method::GET, "/airflow-releases/0.0.0", Value::Null).await;

        if w.has("GET /runtime-releases") {
            let of_one = "/runtime-releases?airflowVersion=2.9.3";
            let found = w.to_members(VIEWER, Method::GET, of_one, Value::Null).await.expect(200);
            let expected =
                json!({ "version": "11.10.0", "airflowVersion": "2.9.3", "airflowDatabaseMigrations": true });
            assert_eq!(super::items(&found), [expected]);
            assert!(w.list(VIEWER, "/runtime-releases").await.len() > 1);
        }
    })
    .await;
}
