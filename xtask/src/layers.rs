//! The walls between the crates: who may depend on whom, what the pure crates may reach, and
//! under which licences packages come in. All from the graph that cargo resolves.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::licences;
use crate::workspace::{self, Graph, Kind};

/// What each crate of the workspace may depend on. A crate that is not here is unknown, an edge
/// that is not here is forbidden: a new line is a decision about the architecture.
const ALLOWED: &[(&str, &[&str])] = &[
    ("everpost-domain", &[]),
    ("everpost-codec", &["everpost-domain"]),
    // The only crate that links document parsers; they run in child processes.
    ("everpost-extract", &["everpost-domain", "everpost-codec"]),
    (
        "everpost-store",
        &["everpost-domain", "everpost-codec", "everpost-extract"],
    ),
    (
        "everpost-mail",
        &["everpost-domain", "everpost-codec", "everpost-store"],
    ),
    // Listeners and certificates; it knows nothing of mail.
    ("everpost-node", &[]),
    (
        "everpost-service",
        &[
            "everpost-domain",
            "everpost-codec",
            "everpost-extract",
            "everpost-store",
            "everpost-mail",
            "everpost-node",
        ],
    ),
    // Beside a user's mail program; it has a store of its own, and no service.
    (
        "everpost-agent",
        &[
            "everpost-domain",
            "everpost-codec",
            "everpost-store",
            "everpost-mail",
            "everpost-node",
        ],
    ),
    (
        "everpost",
        &[
            "everpost-agent",
            "everpost-domain",
            "everpost-codec",
            "everpost-extract",
            "everpost-store",
            "everpost-mail",
            "everpost-node",
            "everpost-service",
        ],
    ),
    ("everpost-testkit", &["everpost-domain", "everpost-codec"]),
    ("xtask", &[]),
];

/// Whom any crate but [`ALONE`] may use in its tests, and nobody outside of them.
const FOR_TESTS: &str = "everpost-testkit";

/// Built before everything else, on nothing of ours.
const ALONE: &str = "xtask";

const PURE: &[&str] = &["everpost-domain", "everpost-codec"];

/// Doors to the outside world, which no pure crate may reach by any path.
const OUTSIDE: &[&str] = &[
    "async-std",
    "hyper",
    "mio",
    "object_store",
    "rusqlite",
    "socket2",
    "sqlx",
    "sqlx-core",
    "tantivy",
    "tempfile",
    "tokio",
];

pub(crate) fn check() -> Result<()> {
    let graph = workspace::graph()?;
    let complaints = [edges(&graph), purity(&graph), licence(&graph)].concat();
    for complaint in &complaints {
        eprintln!("layers: {complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        count => bail!("{count} complaints about the layers"),
    }
}

fn edges(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in graph.values().filter(|package| package.member) {
        let name = package.name.as_str();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            complaints.push(format!(
                "{name} is unknown; give it a line in the table of layers"
            ));
            continue;
        };
        for (id, kind) in &package.dependencies {
            let Some(target) = graph.get(id).filter(|target| target.member) else {
                continue;
            };
            let target = target.name.as_str();
            let for_tests = *kind == Kind::Dev && target == FOR_TESTS && name != ALONE;
            if allowed.contains(&target) || for_tests {
                continue;
            }
            complaints.push(if target == FOR_TESTS {
                format!("{name} uses {target} outside of its tests; only dev-dependencies may")
            } else {
                format!("{name} must not depend on {target}")
            });
        }
    }
    let gone = ALLOWED
        .iter()
        .filter(|(name, _)| {
            !graph
                .values()
                .any(|package| package.member && package.name == *name)
        })
        .map(|(name, _)| format!("{name} is in the table of layers and nowhere else"));
    complaints.extend(gone);
    complaints
}

fn purity(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for (id, package) in graph {
        if !package.member || !PURE.contains(&package.name.as_str()) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut paths = vec![vec![id]];
        while let Some(path) = paths.pop() {
            let Some(at) = path.last().filter(|id| seen.insert(id.as_str())) else {
                continue;
            };
            let Some(reached) = graph.get(*at) else {
                continue;
            };
            if OUTSIDE.contains(&reached.name.as_str()) {
                let names = path.iter().filter_map(|id| graph.get(*id));
                let names: Vec<&str> = names.map(|package| package.name.as_str()).collect();
                complaints.push(format!("a pure crate reaches out: {}", names.join(" -> ")));
                continue;
            }
            let normal = reached
                .dependencies
                .iter()
                .filter(|(_, kind)| *kind == Kind::Normal);
            paths.extend(normal.map(|(next, _)| {
                let mut longer = path.clone();
                longer.push(next);
                longer
            }));
        }
    }
    complaints
}

fn licence(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in graph.values() {
        let name = &package.name;
        match package.licence.as_deref() {
            Some("Apache-2.0") => {}
            Some(other) if package.member => {
                complaints.push(format!("{name} is ours and says {other}, not Apache-2.0"));
            }
            Some(expression) if licences::allowed(expression) => {}
            Some(other) => complaints.push(format!("{name} comes under {other}")),
            None => complaints.push(format!("{name} names no licence")),
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, edges, licence, purity};
    use crate::workspace::{Graph, Kind, Package};

    /// Every known crate without an edge, then the given packages and edges.
    fn graph(edges: &[(&str, &str, Kind)]) -> Graph {
        let mut graph = Graph::new();
        let package = |name: &str, member| Package {
            name: name.to_owned(),
            licence: Some("Apache-2.0".to_owned()),
            member,
            dependencies: Vec::new(),
        };
        for (name, _) in ALLOWED {
            graph.insert((*name).to_owned(), package(name, true));
        }
        for (from, to, kind) in edges {
            for name in [from, to] {
                let entry = package(name, name.starts_with("everpost"));
                graph.entry((*name).to_owned()).or_insert(entry);
            }
            let from = graph.get_mut(*from).unwrap();
            from.dependencies.push(((*to).to_owned(), *kind));
        }
        graph
    }

    #[test]
    fn edges_of_the_table_pass() {
        let graph = graph(&[
            ("everpost", "everpost-mail", Kind::Normal),
            ("everpost-mail", "everpost-store", Kind::Normal),
            ("everpost-store", "everpost-testkit", Kind::Dev),
            ("everpost-domain", "everpost-testkit", Kind::Dev),
        ]);
        assert_eq!(edges(&graph), Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_fails() {
        let complaints = edges(&graph(&[(
            "everpost-domain",
            "everpost-store",
            Kind::Normal,
        )]));
        assert_eq!(
            complaints,
            ["everpost-domain must not depend on everpost-store"]
        );
        let complaints = edges(&graph(&[("everpost-store", "everpost-mail", Kind::Dev)]));
        assert_eq!(
            complaints,
            ["everpost-store must not depend on everpost-mail"]
        );
    }

    #[test]
    fn the_testkit_is_for_tests() {
        for kind in [Kind::Normal, Kind::Build] {
            let complaints = edges(&graph(&[("everpost-store", "everpost-testkit", kind)]));
            assert_eq!(complaints.len(), 1, "{kind:?}");
        }
        let complaints = edges(&graph(&[("xtask", "everpost-testkit", Kind::Dev)]));
        assert_eq!(complaints.len(), 1);
    }

    #[test]
    fn unknown_and_vanished_crates_fail() {
        let mut graph = graph(&[("everpost-new", "everpost-domain", Kind::Normal)]);
        graph.remove("everpost-codec");
        let complaints = edges(&graph);
        assert_eq!(
            complaints,
            [
                "everpost-new is unknown; give it a line in the table of layers",
                "everpost-codec is in the table of layers and nowhere else",
            ]
        );
    }

    #[test]
    fn a_pure_crate_reaches_the_outside_by_no_path() {
        let path = graph(&[
            ("everpost-domain", "helper", Kind::Normal),
            ("helper", "tokio", Kind::Normal),
        ]);
        assert_eq!(
            purity(&path),
            ["a pure crate reaches out: everpost-domain -> helper -> tokio"]
        );
        let other = graph(&[
            ("everpost-store", "tokio", Kind::Normal),
            ("everpost-domain", "tempfile", Kind::Dev),
        ]);
        assert_eq!(purity(&other), Vec::<String>::new());
    }

    #[test]
    fn licences_are_checked() {
        let mut graph = graph(&[("everpost-domain", "helper", Kind::Normal)]);
        for (says, complaints) in [(Some("MIT"), 0), (Some("AGPL-3.0-only"), 1), (None, 1)] {
            graph.get_mut("helper").unwrap().licence = says.map(str::to_owned);
            assert_eq!(licence(&graph).len(), complaints, "{says:?}");
        }
    }
}
