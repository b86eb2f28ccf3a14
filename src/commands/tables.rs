//! `openapi`, `routes` and `problems`: what the gateway knows, printed for people and for files.

use super::{print, settings::Settings};
use crate::Failure;
use clap::ValueEnum;
use houston_gateway::{config, gateway::releases, openapi, problem::Code};
use houston_schema::Lifespan;

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    #[value(name = "3.1")]
    OpenApi31,
    #[value(name = "3.0")]
    OpenApi30,
    #[value(name = "2.0")]
    Swagger20,
}

pub(crate) fn openapi(settings: &Settings, format: Format) -> Result<(), Failure> {
    let (config, catalogue, plans) = settings.compile()?;
    let server_url = match config.server.public_url.trim_end_matches('/') {
        "" => format!("http://{}{}", config.server.listen, config.server.base_path),
        url => url.to_owned(),
    };
    let config::Documents { contact_name, contact_email } = &config.documents;
    let publisher = openapi::Publisher { url: &server_url, contact_name, contact_email };
    let format = match format {
        Format::OpenApi31 => openapi::Format::OpenApi31,
        Format::OpenApi30 => openapi::Format::OpenApi30,
        Format::Swagger20 => openapi::Format::Swagger20,
    };
    print(&format!("{:#}\n", openapi::document(&catalogue, &plans, publisher, format)))
}

pub(crate) fn routes(settings: &Settings) -> Result<(), Failure> {
    let (_, catalogue, plans) = settings.compile()?;
    let mut table = "method\tpath\toperation\thouston\treleases\there\n".to_owned();
    for (route, plan) in catalogue.routes.iter().zip(&plans.routes) {
        let mut fields: Vec<(&str, Lifespan)> = Vec::new();
        for operation in route.operations.iter().map(|index| &catalogue.operations[*index]) {
            let (field, lifespan) = (operation.root_field(), catalogue.lifespan(operation));
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, known)) => *known = known.or(lifespan),
                None => fields.push((field, lifespan)),
            }
        }
        let fields = fields.into_iter().map(|(field, lifespan)| match lifespan == plan.lifespan {
            true => field.to_owned(),
            false => format!("{field} ({})", releases(lifespan)),
        });
        let fields: Vec<_> = fields.collect();
        table += &format!(
            "{}\t{}\t{}\t{}\t{}\t{}\n",
            route.method,
            route.path,
            catalogue.name_of(route).name,
            fields.join(" | "),
            releases(plan.lifespan),
            plan.plans.first().map_or("-", |plan| plan.operation.name.as_str()),
        );
    }
    print(&table)
}

pub(crate) fn problems() -> Result<(), Failure> {
    let mut table = "code\tstatus\ttitle\tcause\tcure\n".to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        table += &format!("{}\t{status}\t{}\t{}\t{}\n", code.name(), code.title(), code.cause(), code.cure());
    }
    print(&table)
}
