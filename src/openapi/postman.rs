pub(super) fn render(v: &serde_json::Value) -> serde_json::Value { v.clone() }
