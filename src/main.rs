//! temp
fn main() {
    use houston_gateway::catalogue::*;
    let t = std::time::Instant::now();
    let schema = houston_schema::HoustonSchema::parse(houston_schema::SDL, "config/houston.graphql")
        .map_err(|e| eprintln!("{e}"))
        .unwrap();
    eprintln!("schema {:?}", t.elapsed());
    match Catalogue::compile(schema, &embedded()) {
        Err(e) => eprintln!("{e}"),
        Ok(c) => {
            eprintln!("compile {:?} ops {} routes {}", t.elapsed(), c.operations.len(), c.routes.len());
            for v in houston_schema::RELEASES {
                let s = c.schema.at(v).unwrap();
                let (p, d) = c.plan(&s, v);
                eprintln!("{v}: {} plans, {} faults {:?}", p.iter().count(), d.len(), t.elapsed());
                if !d.is_empty() {
                    eprintln!("{d}");
                }
            }
        }
    }
}
