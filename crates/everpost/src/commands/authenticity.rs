//! `everpost show --authenticity`: what was found out about a message when it came.

use everpost_service::AuthenticityView;

use crate::cli::Global;
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// Whether a message is from whom it says.
pub(super) fn print(global: &Global, all: &[AuthenticityView]) -> Result<Exit, Failure> {
    if !global.json && all.is_empty() {
        line(
            "Nothing is recorded: it did not come by the listener mx, or nobody looked (check_senders).",
        )?;
    }
    for (number, one) in all.iter().enumerate() {
        if global.json {
            object(&serde_json::to_value(one).map_err(anyhow::Error::from)?)?;
            continue;
        }
        if number > 0 {
            line("")?;
        }
        line(format!(
            "Came      {} from {} ({}), sender <{}>",
            one.at,
            one.client,
            plain(&one.helo),
            plain(&one.sender)
        ))?;
        for result in &one.results {
            let said = [&result.domain, &result.by, &result.reason];
            let said: Vec<&str> = said.into_iter().map(|text| text.trim()).collect();
            let said = said.join("  ");
            line(format!(
                "{:<9} {:<9} {}",
                result.method.to_uppercase(),
                result.verdict,
                plain(said.trim_end())
            ))?;
        }
        line(match one.same {
            true => "Again     the signatures come out the same by the recorded keys",
            false => "Again     NOT THE SAME: bytes or records were changed since",
        })?;
        for record in &one.records {
            for found in &record.found {
                line(format!(
                    "Record    {}  {}",
                    plain(&record.name),
                    plain(found)
                ))?;
            }
        }
    }
    Ok(Exit::Well)
}
