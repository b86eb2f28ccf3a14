//! What a deployment runs and how: variables, image, versions, single settings, logs and task counts.

use super::{Walk, items, walk};
use crate::harness::{ADMIN, OWNER, Reply, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /deployments/{deploymentId}/variables",
    "PUT /deployments/{deploymentId}/variables",
    "PATCH /deployments/{deploymentId}/variables",
    "PUT /deployments/{deploymentId}/keda",
    "PUT /deployments/{deploymentId}/alert-emails",
    "POST /deployments/{deploymentId}/upgrades",
    "PUT /deployments/{deploymentId}/airflow-version",
    "PUT /deployments/{deploymentId}/runtime-version",
    "DELETE /deployments/{deploymentId}/runtime-version",
    "PUT /deployments/{deploymentId}/image",
    "PUT /deployments/{deploymentId}/config-override",
    "DELETE /deployments/{deploymentId}/config-override",
    "GET /deployments/{deploymentId}/logs",
    "GET /deployments/{deploymentId}/task-usage",
];

#[tokio::test]
async fn a_deployments_settings_are_set_and_read_back() {
    walk(ROUTES, async |w| {
        let one = One { w, path: format!("/deployments/{}", w.deployment("stellar-horizon-4217")) };
        one.variables().await;

        one.set(Method::PUT, "keda", json!({ "enabled": true })).await;
        assert_eq!(one.read().await["config"]["workers"]["keda"]["enabled"], true);
        one.set(Method::PUT, "alert-emails", json!({ "items": ["oncall@example.com"] })).await;
        assert_eq!(one.read().await["alertEmails"], json!(["oncall@example.com"]));
        one.set(Method::PUT, "alert-emails", json!({ "items": [] })).await;
        assert_eq!(one.read().await["alertEmails"], json!([]));
        one.set(Method::POST, "upgrades", json!({ "version": "1.16.0" })).await;
        assert_eq!(one.read().await["version"], "1.16.0");

        one.versions().await;
        if w.has("PUT /deployments/{deploymentId}/config-override") {
            let first = json!({ "deploymentsConfigOverride": { "a": { "b": 1, "c": 2 } }, "reason": "trial" });
            one.set(Method::PUT, "config-override", first).await;
            let less = json!({ "deploymentsConfigOverride": { "a": { "b": "DELETE_KEY" } } });
            let merged = one.set(Method::PUT, "config-override", less).await.json();
            assert_eq!(merged["config"], json!({ "a": { "c": 2 } }));
            let removed = one.set(Method::DELETE, "config-override?reason=over", Value::Null).await.json();
            assert!(removed["deletedAt"].is_string());
        }
        one.observed().await;
    })
    .await;
}

struct One<'w> {
    w: &'w Walk,
    path: String,
}

impl One<'_> {
    /// Changes something: refused to a viewer, 404 for another deployment.
    async fn set(&self, method: Method, part: &str, body: Value) -> Reply {
        if self.w.since(0, 30, 0) || part != "variables" {
            self.w.unknown(ADMIN, method.clone(), &format!("/deployments/none/{part}"), body.clone()).await;
        }
        let path = format!("{}/{part}", self.path);
        self.w.guarded(OWNER, VIEWER, method, &path, body).await.expect(200)
    }

    async fn read(&self) -> Value {
        self.w.get(OWNER, &self.path).await.expect(200).json()
    }

    async fn variables(&self) {
        let (w, path) = (self.w, format!("{}/variables", self.path));
        let before = items(&w.guarded(VIEWER, &w.outsider(), Method::GET, &path, Value::Null).await.expect(200));
        let secret = json!({ "key": "SNOWFLAKE_PASSWORD", "value": "", "isSecret": true });
        assert!(before.contains(&secret), "a secret is blank: {before:?}");
        w.unknown(VIEWER, Method::GET, "/deployments/none/variables", Value::Null).await;

        let region = json!({ "key": "AWS_DEFAULT_REGION", "value": "eu-west-1", "isSecret": false });
        let patched = self.set(Method::PATCH, "variables", json!({ "items": [region] })).await;
        assert_eq!(items(&patched).len(), before.len());
        assert!(items(&patched).contains(&region));
        let replaced = self.set(Method::PUT, "variables", json!({ "items": [region, secret] })).await;
        assert_eq!(items(&replaced), [region.clone(), secret.clone()]);
        assert_eq!(w.list(VIEWER, &path).await, [region, secret]);
        for key in ["lower", "AIRFLOW__CORE__FERNET_KEY"] {
            let bad = w.put(OWNER, &path, json!({ "items": [{ "key": key, "value": "x" }] })).await.expect(422);
            assert_eq!(bad.problem(), "UNPROCESSABLE", "{key}");
        }
    }

    async fn versions(&self) {
        let w = self.w;
        if w.has("PUT /deployments/{deploymentId}/airflow-version") {
            let wanted = self.set(Method::PUT, "airflow-version", json!({ "airflowVersion": "2.10.5" })).await.json();
            assert_eq!(wanted["desiredAirflowVersion"], "2.10.5");
            assert_eq!(self.read().await["desiredAirflowVersion"], "2.10.5");
        }
        if w.has("PUT /deployments/{deploymentId}/runtime-version") {
            self.set(Method::PUT, "runtime-version", json!({ "runtimeVersion": "11.10.0" })).await;
            let readable = !w.since(1, 0, 1);
            if readable {
                assert_eq!(self.read().await["desiredRuntimeVersion"], "11.10.0");
            }
            self.set(Method::DELETE, "runtime-version", Value::Null).await;
            if readable {
                assert_eq!(self.read().await["desiredRuntimeVersion"], "12.7.1");
            }
        }
        if w.has("PUT /deployments/{deploymentId}/image") {
            let image = json!({ "image": "registry.example.com/fraud:42", "runtimeVersion": "11.10.0" });
            let deployed = self.set(Method::PUT, "image", image).await.json();
            assert_eq!(deployed["runtimeVersion"], "11.10.0");
            assert_eq!(self.read().await["deployInfo"]["current"], "registry.example.com/fraud:42");
            assert_eq!(w.list(OWNER, &format!("{}/variables", self.path)).await.len(), 2, "the variables stay");
        }
    }

    async fn observed(&self) {
        let w = self.w;
        let id = w.deployment("stellar-horizon-4217");
        assert!(w.houston.push_log(&id, "scheduler", "score_payments begins"));
        assert!(w.houston.push_log(&id, "worker", "score_payments ends"));
        let logs = format!("{}/logs", self.path);
        let scheduler = format!("{logs}?component=scheduler&search=score_payments");
        let lines = items(&w.to_members(VIEWER, Method::GET, &scheduler, Value::Null).await.expect(200));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "score_payments begins");
        let since = format!("{logs}?search=score_payments&since=2200-01-01T00:00:00Z");
        assert!(w.list(VIEWER, &since).await.is_empty());
        w.unknown(ADMIN, Method::GET, "/deployments/none/logs", Value::Null).await;
        let hidden = format!("/deployments/{}/logs", w.deployment("solar-parallax-2308"));
        assert_eq!(w.get(VIEWER, &hidden).await.expect(403).problem(), "FORBIDDEN");

        if w.has("GET /deployments/{deploymentId}/task-usage") {
            let usage = "task-usage?startDate=2026-01-01&endDate=2026-01-02";
            let path = format!("{}/{usage}", self.path);
            let counts = w.guarded(VIEWER, &w.outsider(), Method::GET, &path, Value::Null).await.expect(200).json();
            assert_eq!(counts["countTotalTasks"], 486);
            w.unknown(ADMIN, Method::GET, &format!("/deployments/none/{usage}"), Value::Null).await;
        }
    }
}
