//! What can go wrong, as shared responses: one for each status, each with an example.

use crate::problem::Code;
use http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    ArrayBuilder, ContentBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, ResponseBuilder, SchemaFormat, Type,
    response::Response,
    schema::{ComponentsBuilder, SchemaType},
};

/// The name of the problem schema.
pub(super) const SCHEMA: &str = "Problem";

/// The id of the request that examples are about.
pub(super) const REQUEST_ID: &str = "c6089d536c656c0a00000010";

/// A problem response: its name, the code of its example, when it comes, and the example's detail.
struct Row(&'static str, Code, &'static str, &'static str);

const ROWS: [Row; 13] = [
    Row(
        "BadRequest",
        Code::InvalidRequest,
        "A parameter or a field of the body is missing, unknown or of the wrong type. `errors` names every one.",
        "2 parameters are not valid.",
    ),
    Row(
        "Unauthorized",
        Code::Unauthenticated,
        "There is no token, or Houston does not accept it.",
        "Send a token as X-API-Key or as Authorization: Bearer.",
    ),
    Row(
        "Forbidden",
        Code::Forbidden,
        "The token is good, but the roles behind it do not allow this.",
        "Houston refused: the roles behind the token do not allow this.",
    ),
    Row(
        "NotFound",
        Code::NotFound,
        "What the path names does not exist, or is hidden from the caller.",
        "Houston knows no such thing, or does not show it to you.",
    ),
    Row(
        "Conflict",
        Code::Conflict,
        "It clashes with what exists: a label that is taken, a workspace that is not empty.",
        "The workspace still has deployments. Delete them first.",
    ),
    Row("BodyTooLarge", Code::BodyTooLarge, "The body is larger than the gateway takes.", "The body is too large."),
    Row(
        "UnsupportedMediaType",
        Code::UnsupportedMediaType,
        "The body is not JSON by its `Content-Type`.",
        "Send the body as application/json.",
    ),
    Row(
        "Unprocessable",
        Code::Unprocessable,
        "Well formed, but refused: Houston's rules forbid these values, this Houston release does not take one of \
         them, or the idempotency key belongs to another body. `code` tells which.",
        "Houston refused these values.",
    ),
    Row(
        "TooManyRequests",
        Code::TooManyRequests,
        "Too many requests. Try again after `Retry-After` seconds.",
        "Try again in 2 seconds.",
    ),
    Row(
        "InternalError",
        Code::HoustonFailed,
        "Houston or the gateway failed.",
        "Houston failed while it worked on this.",
    ),
    Row(
        "BadGateway",
        Code::BadUpstreamAnswer,
        "Houston's answer cannot be understood, or its schema is not the expected one.",
        "Houston's answer is not JSON.",
    ),
    Row(
        "Unavailable",
        Code::HoustonUnavailable,
        "Houston cannot be reached, or there is too much to do. Try again after `Retry-After` seconds.",
        "Houston does not answer at the moment.",
    ),
    Row(
        "GatewayTimeout",
        Code::HoustonTimeout,
        "Houston took too long. A change may have happened nevertheless.",
        "Houston did not answer in time.",
    ),
];

/// A reference to the shared response of a status.
pub(super) fn response(status: StatusCode) -> Option<(String, RefOr<Response>)> {
    let Row(name, ..) = ROWS.iter().find(|row| row.1.status() == status)?;
    Some((status.as_u16().to_string(), RefOr::Ref(Ref::from_response_name(*name))))
}

/// Adds the problem schema and the shared responses.
pub(super) fn components(mut components: ComponentsBuilder, server_url: &str) -> ComponentsBuilder {
    for Row(name, code, description, detail) in &ROWS {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(SCHEMA)))
            .example(Some(example(*code, detail, server_url)))
            .build();
        let mut response = ResponseBuilder::new()
            .description(*description)
            .content("application/problem+json", content)
            .header_ref("X-Request-Id", header("RequestId"));
        if matches!(code.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response = response.header_ref("Retry-After", header("RetryAfter"));
        }
        if code.status() == StatusCode::UNAUTHORIZED {
            response = response.header_ref("WWW-Authenticate", header("Authenticate"));
        }
        components = components.response(*name, response.build());
    }
    components.schema(SCHEMA, schema()).schema("Fault", fault()).schema("HoustonError", houston_error())
}

/// A reference to a shared header.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// What a problem looks like.
pub(super) fn of(code: Code, server_url: &str) -> Value {
    let known = ROWS.iter().find(|row| row.1 == code);
    example(code, known.map_or(code.cause(), |Row(.., detail)| *detail), server_url)
}

fn example(code: Code, detail: &str, server_url: &str) -> Value {
    let mut problem = Map::new();
    problem.insert("type".to_owned(), format!("{server_url}/problems/{}", code.slug()).into());
    problem.insert("title".to_owned(), code.title().into());
    problem.insert("status".to_owned(), code.status().as_u16().into());
    problem.insert("detail".to_owned(), detail.into());
    problem.insert("instance".to_owned(), "/workspaces/cl4yz2w6l001k08l7lazk3405".into());
    problem.insert("code".to_owned(), code.name().into());
    problem.insert("requestId".to_owned(), REQUEST_ID.into());
    if code == Code::InvalidRequest {
        let faults = json!([
            { "parameter": "limit", "detail": "\"1000\" is not a whole number from 1 to 200" },
            { "pointer": "/label", "detail": "is missing" },
        ]);
        problem.insert("errors".to_owned(), faults);
    }
    if matches!(code, Code::Forbidden | Code::Unprocessable | Code::HoustonFailed) {
        let said = match code {
            Code::Forbidden => ("You do not have the appropriate permissions for that", "FORBIDDEN"),
            Code::Unprocessable => ("Invalid email address", "BAD_USER_INPUT"),
            _ => ("Unexpected error", "INTERNAL_SERVER_ERROR"),
        };
        let said = json!([{ "message": said.0, "code": said.1, "path": ["updateWorkspace"] }]);
        problem.insert("houston".to_owned(), said);
    }
    problem.into()
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn schema() -> ObjectBuilder {
    let reference = SchemaFormat::Custom("uri-reference".to_owned());
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(400.0))
        .maximum(Some(599.0))
        .description(Some("The HTTP status."));
    let codes = Code::ALL.iter().map(|code| code.name());
    ObjectBuilder::new()
        .description(Some(
            "What went wrong (RFC 9457). Branch on `code`, show `title` and `detail`, report `requestId`.",
        ))
        .property("type", text("Where this kind of problem is explained.").format(Some(reference.clone())))
        .property("title", text("A short sentence, always the same for one `code`."))
        .property("status", status)
        .property("detail", text("What happened this time, and what to do about it."))
        .property("instance", text("The path that was asked for.").format(Some(reference)))
        .property("code", text("What kind of problem it is. The codes are stable.").enum_values(Some(codes)))
        .property("requestId", text("Identifies the request in the gateway's log."))
        .property("errors", array("All that is wrong with the request.", Ref::from_schema_name("Fault")))
        .property("houston", array("What Houston said.", Ref::from_schema_name("HoustonError")))
        .required("type")
        .required("title")
        .required("status")
        .required("code")
}

fn fault() -> ObjectBuilder {
    ObjectBuilder::new()
        .description(Some("One thing that is wrong with a request. Exactly one of the first three says where it is."))
        .property("pointer", text("Where in the body, as a JSON Pointer (RFC 6901)."))
        .property("parameter", text("Which parameter of the path or the query string."))
        .property("header", text("Which header."))
        .property("detail", text("What is wrong, and what would be right."))
        .required("detail")
}

fn houston_error() -> ObjectBuilder {
    let step =
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("A name, or a position in a list."));
    ObjectBuilder::new()
        .description(Some("An error of Houston's, without anything that belongs to its inside."))
        .property("message", text("Houston's message."))
        .property("code", text("Houston's code, such as `FORBIDDEN`."))
        .property("path", array("The path of the field that failed.", step))
        .required("message")
}

fn array(description: &str, items: impl Into<RefOr<utoipa::openapi::Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into()).description(Some(description))
}
