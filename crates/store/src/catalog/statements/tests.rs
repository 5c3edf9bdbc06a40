//! Statements are read for what each must say.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may panic"
)]

/// Every statement below the operator's section must bind the tenant it works for.
#[test]
fn every_statement_names_its_tenant() {
    let source = include_str!("../statements.rs");
    let (_, tenants) = source.split_once("// -- vault").unwrap();
    let tenants = tenants.split("#[cfg(test)]").next().unwrap();
    let others = [
        include_str!("devices.rs"),
        include_str!("relay.rs"),
        include_str!("replica.rs"),
    ]
    .concat();
    let definitions = tenants.split("pub(crate) const ").skip(1);
    let mut seen = 0;
    for definition in definitions.chain(others.split("pub(crate) const ").skip(1)) {
        let name = definition.split(':').next().unwrap();
        let mut text: String = definition.split('"').skip(1).step_by(2).collect();
        if definition.contains("= legs!(") {
            text.insert_str(0, "relay_leg.tenant = $1 AND ");
        }
        let inserted = text.starts_with("INSERT") && text.contains("tenant");
        let wanted = text.contains("wanted (tenant,") && text.contains(".tenant = wanted.tenant");
        let bound = text.contains("tenant = $1");
        assert!(
            inserted || wanted || bound,
            "{name} works without a tenant: {text}"
        );
        seen += 1;
    }
    assert!(seen > 40, "the test reads the statements no longer");
}
