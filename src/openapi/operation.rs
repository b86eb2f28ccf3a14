//! One route as an OpenAPI operation.

use super::{
    describe, example,
    input::{self, InputObjects, Member},
    names::Names,
    parameters,
    problems::{self, header},
    schema::reference,
    selection::{Answer, List},
};
use crate::catalogue::{Catalogue, Input, Operation, Plan, Route, RoutePlan, Segment, Source};
use apollo_compiler::ast::OperationType;
use houston_schema::OLDEST;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use utoipa::openapi::{
    Content, ContentBuilder, Deprecated, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Type,
    extensions::Extensions,
    header::HeaderBuilder,
    path::{Operation as Documented, OperationBuilder, Parameter},
    request_body::{RequestBody, RequestBodyBuilder},
    security::SecurityRequirement,
};

/// A route that this Houston can serve.
pub(super) struct Entry<'c> {
    pub(super) route: &'c Route,
    pub(super) plans: &'c RoutePlan,
    /// The operation that names the route.
    pub(super) operation: &'c Operation,
    /// The operation that serves it, if nothing speaks for another one.
    pub(super) plan: &'c Plan,
    pub(super) answer: Answer,
    /// The fields of the body, over all operations of the route.
    pub(super) members: Vec<Member>,
}

impl<'c> Entry<'c> {
    pub(super) fn new(
        catalogue: &'c Catalogue,
        route: &'c Route,
        plans: &'c RoutePlan,
        answer: Answer,
    ) -> Option<Self> {
        let mut members: Vec<Member> = Vec::new();
        for plan in &plans.plans {
            for member in input::members(catalogue, plan) {
                if !members.iter().any(|known| known.name == member.name) {
                    members.push(member);
                }
            }
        }
        let plan = plans.plans.first()?;
        Some(Self { route, plans, operation: catalogue.name_of(route), plan, answer, members })
    }

    /// The name of the body's schema.
    pub(super) fn body_name(&self) -> String {
        format!("{}Body", self.operation.name)
    }

    fn is_read(&self) -> bool {
        self.route.method == Method::GET
    }

    fn is_stream(&self) -> bool {
        self.plan.operation.stream
    }

    fn has_path_variables(&self) -> bool {
        self.route.path.variables().next().is_some()
    }

    /// Whether it can be called with nothing filled in.
    pub(super) fn is_open(&self) -> bool {
        let sent = |input: &Input| matches!(input.source, Source::Query | Source::Header(_)) && input.is_required();
        self.is_read() && !self.has_path_variables() && !self.plan.inputs.iter().any(sent)
    }

    fn takes(&self, source: &Source) -> bool {
        self.plans.plans.iter().any(|plan| plan.inputs.iter().any(|input| input.source == *source))
    }

    /// The operation as it is published.
    pub(super) fn documented(&self, catalogue: &Catalogue, names: &Names<'_>, server_url: &str) -> Documented {
        let lifespan = self.plans.lifespan;
        let mut documented = OperationBuilder::new()
            .tag(describe::heading(&self.operation.resource))
            .operation_id(Some(&self.operation.name))
            .summary(Some(&self.operation.summary))
            .description(Some(self.description()))
            .deprecated(lifespan.until.map(|_| Deprecated::True))
            .request_body(self.request_body());
        for parameter in self.parameters(catalogue) {
            documented = match parameter {
                RefOr::Ref(shared) => documented.parameter_ref(shared),
                RefOr::T(own) => documented.parameter(own),
            };
        }
        let is_paged = matches!(self.answer, Answer::List(_)) && self.is_read() && !self.is_stream();
        let next = is_paged
            .then(|| format!("{server_url}{}?limit=1&cursor={}", self.example_path(catalogue), example::CURSOR));
        documented = self.success(documented, names, next.as_deref());
        for (status, problem) in self.problems().into_iter().filter_map(problems::response) {
            documented = documented.response(status, problem);
        }
        if self.plan.public {
            documented = documented.securities(Some(Vec::<SecurityRequirement>::new()));
        }
        let mut fields: Vec<_> = self.plans.plans.iter().map(|plan| plan.operation.root_field()).collect();
        fields.dedup();
        let mut extensions = vec![("x-houston-field", Value::from(fields))];
        let since = lifespan.since.unwrap_or(OLDEST);
        extensions.push(("x-houston-since", since.to_string().into()));
        extensions.extend(lifespan.until.map(|until| ("x-houston-until", until.to_string().into())));
        documented.extensions(Some(Extensions::from_iter(extensions))).build()
    }

    fn description(&self) -> String {
        let written = describe::unwrapped(&self.operation.description);
        let mut description = if written.is_empty() { format!("{}.", self.operation.summary) } else { written };
        if let Some(until) = self.plans.lifespan.until {
            description += &format!("\n\nGone from Houston {until} on.");
        }
        description
    }

    fn parameters(&self, catalogue: &Catalogue) -> Vec<RefOr<Parameter>> {
        let mut parameters: Vec<RefOr<Parameter>> =
            parameters::own(catalogue, self.plans).into_iter().map(RefOr::T).collect();
        match &self.answer {
            Answer::List(List { items, .. }) if self.is_read() && !self.is_stream() => {
                parameters.extend(parameters::of_list(items, self.is_open()));
            }
            _ => {}
        }
        if self.answer.record().is_some() && !self.is_stream() {
            parameters.push(parameters::shared("Fields"));
        }
        if self.route.method == Method::POST {
            parameters.push(parameters::shared("IdempotencyKey"));
        }
        if self.is_read() && !self.is_stream() {
            parameters.push(parameters::shared("IfNoneMatch"));
            parameters.extend(self.plan.operation.cache.is_some().then(|| parameters::shared("CacheControl")));
        }
        if self.plan.operation.replay.is_some() {
            parameters.push(RefOr::T(parameters::last_event_id()));
        }
        parameters
    }

    fn request_body(&self) -> Option<RequestBody> {
        if self.members.is_empty() {
            return None;
        }
        let content = || {
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(self.body_name())))
                .example(Some(input::body_example(&self.members)))
                .build()
        };
        let required = self.members.iter().any(|member| member.required);
        let is_patch = self.route.method == Method::PATCH;
        let text = if is_patch { "What to change. A field left out stays as it is." } else { "What to send." };
        let mut body = RequestBodyBuilder::new()
            .description(Some(text))
            .required(Some(if required { Required::True } else { Required::False }))
            .content("application/json", content());
        if is_patch {
            body = body.content("application/merge-patch+json", content());
        }
        Some(body.build())
    }

    /// Adds the answers of a call that went well. `next` is where a list's next page would be.
    fn success(&self, documented: OperationBuilder, names: &Names<'_>, next: Option<&str>) -> OperationBuilder {
        let operation = &self.plan.operation;
        let json = ContentBuilder::new()
            .schema(Some(reference(names.of_answer(&self.answer))))
            .example(Some(example::answer(&self.answer, next)))
            .build();
        let mut response = ResponseBuilder::new()
            .description(self.success_text())
            .content("application/json", json)
            .header_ref("X-Request-Id", header("RequestId"));
        if self.is_stream() {
            response = response.content("text/event-stream", self.events());
        } else if self.is_read() {
            response = response.header_ref("ETag", header("ETag")).header_ref("Cache-Status", header("CacheStatus"));
            if operation.cache.is_some() {
                response = response.header_ref("Age", header("Age"));
            }
            if next.is_some() {
                response = response.header_ref("Link", header("Link"));
            }
        }
        if operation.status == StatusCode::CREATED {
            response = response.header_ref("Location", header("Location"));
        }
        if operation.poll.is_some() {
            response = response.header_ref("Retry-After", header("LookAgain"));
        }
        if self.route.method == Method::POST {
            response = response.header_ref("Idempotency-Replayed", header("IdempotencyReplayed"));
        }
        if self.plans.lifespan.until.is_some() {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let since = HeaderBuilder::new().schema(Some(text)).example(Some("@1795392000".into()));
            let since = since.description(Some("Since when it is known that newer releases lack this (RFC 9745)."));
            response = response.header("Deprecation", since.build());
        }
        let mut documented = documented.response(operation.status.as_str(), response.build());
        if operation.absent == StatusCode::NO_CONTENT {
            let nothing = ResponseBuilder::new()
                .description("There is nothing to show.")
                .header_ref("X-Request-Id", header("RequestId"));
            documented = documented.response("204", nothing.build());
        }
        if self.is_read() && !self.is_stream() {
            documented = documented.response("304", Ref::from_response_name("NotModified"));
        }
        documented
    }

    /// A stream's events. OpenAPI before 3.2 has no words for a sequence, so the schema is that of one event.
    fn events(&self) -> Content {
        let operation = &self.plan.operation;
        let name = operation.event_name();
        let (is, data) = match example::answer(&self.answer, None) {
            Value::Object(mut envelope) if matches!(self.answer, Answer::List(_)) => {
                ("a list as in the `value` under `application/json`", envelope.remove("value").unwrap_or_default())
            }
            object => ("an object as under `application/json`", object),
        };
        let replays = operation.replay.is_some();
        let names = [Some(name.as_str()), replays.then_some("gap"), Some("error")];
        let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let schema = ObjectBuilder::new()
            .description(Some("One event of the stream (Server-Sent Events); they come one after the other."))
            .property("id", text("What to send as `Last-Event-ID` when the connection breaks."))
            .property(
                "event",
                text("What it is. `error` ends the stream, and a `gap` is where more was missed than Houston keeps.")
                    .enum_values(Some(names.into_iter().flatten())),
            )
            .property("data", text(&format!("JSON: {is}; of an `error`, a problem.")))
            .required("event")
            .required("data");
        let id = if replays { parameters::EVENT_ID } else { "1" };
        let event = json!({ "id": id, "event": name, "data": data.to_string() });
        ContentBuilder::new().schema(Some(schema)).example(Some(event)).build()
    }

    fn success_text(&self) -> &'static str {
        match (&self.answer, self.plan.operation.status, self.plan.operation.kind) {
            _ if self.is_stream() => {
                "The events, one after the other. With `Accept: application/json` the first one alone."
            }
            (_, StatusCode::CREATED, _) => "Created. `Location` is where it can be read.",
            (_, StatusCode::ACCEPTED, _) => "Accepted. The work goes on in the background.",
            (Answer::List(_), _, OperationType::Mutation) => "Done. The list is what holds now.",
            (_, _, OperationType::Mutation) => "Done.",
            (Answer::List(_), ..) => {
                "The list, or the page of it that was asked for. `Accept: text/csv` brings it as a table."
            }
            _ => "What was asked for.",
        }
    }

    /// The path with the examples of its variables.
    fn example_path(&self, catalogue: &Catalogue) -> String {
        let segments = self.route.path.segments().iter().map(|segment| match segment {
            Segment::Literal(word) => word.clone(),
            Segment::Variable(name) => parameters::path_example(catalogue, self.plan, name).unwrap_or_default(),
        });
        segments.fold(String::new(), |path, segment| path + "/" + &segment)
    }

    /// What can go wrong with it.
    fn problems(&self) -> Vec<StatusCode> {
        let has_body = !self.members.is_empty();
        let is_change = !self.is_read();
        let open_list = matches!(self.answer, Answer::List(_)) && !self.has_path_variables();
        let asks = self.takes(&Source::Query) || self.has_path_variables();
        let is_always_there = (open_list && !asks) || (self.plan.public && self.is_read());
        let rows = [
            (StatusCode::BAD_REQUEST, true),
            (StatusCode::UNAUTHORIZED, true),
            (StatusCode::FORBIDDEN, is_change || !self.plan.public),
            (StatusCode::NOT_FOUND, !is_always_there),
            (StatusCode::CONFLICT, is_change),
            (StatusCode::PAYLOAD_TOO_LARGE, has_body),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, has_body),
            (StatusCode::UNPROCESSABLE_ENTITY, is_change || asks),
            (StatusCode::TOO_MANY_REQUESTS, true),
            (StatusCode::INTERNAL_SERVER_ERROR, true),
            (StatusCode::BAD_GATEWAY, true),
            (StatusCode::SERVICE_UNAVAILABLE, true),
            (StatusCode::GATEWAY_TIMEOUT, true),
        ];
        rows.into_iter().filter(|(_, occurs)| *occurs).map(|(status, _)| status).collect()
    }

    /// Adds the schema of the body.
    pub(super) fn body(&self, catalogue: &Catalogue, objects: &mut InputObjects) -> Option<ObjectBuilder> {
        let text = format!("What `{}` takes.", self.operation.name);
        (!self.members.is_empty()).then(|| input::body(catalogue, &self.members, objects).description(Some(text)))
    }
}
