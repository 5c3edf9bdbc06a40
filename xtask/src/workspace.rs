//! What cargo knows about this workspace, read once into small types.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::steps;

/// How one package depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A package of the resolved graph.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) licence: Option<String>,
    pub(crate) member: bool,
    /// Ids of the packages it depends on.
    pub(crate) dependencies: Vec<(String, Kind)>,
}

/// Every package that this machine would build, by id.
pub(crate) type Graph = BTreeMap<String, Package>;

/// The workspace's root folder.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest = output(steps::cargo().args([
        "locate-project",
        "--workspace",
        "--message-format",
        "plain",
    ]))?;
    let manifest = PathBuf::from(manifest.trim_end());
    let folder = manifest.parent().context("the workspace has no folder")?;
    Ok(folder.to_path_buf())
}

/// The resolved graph for this platform. Without the filter cargo would have to fetch packages
/// of other systems, and crates would seem to reach what they reach only there.
pub(crate) fn graph() -> Result<Graph> {
    let platform = platform()?;
    let text = output(steps::cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        &platform,
    ]))?;
    parse(&serde_json::from_str(&text).context("cargo metadata is no JSON")?)
}

fn platform() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

fn parse(metadata: &Value) -> Result<Graph> {
    let members: Vec<&str> = list(metadata, "workspace_members")?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut graph = Graph::new();
    for package in list(metadata, "packages")? {
        let id = string(package, "id")?;
        let entry = Package {
            name: string(package, "name")?.to_owned(),
            licence: package
                .get("license")
                .and_then(Value::as_str)
                .map(str::to_owned),
            member: members.contains(&id),
            dependencies: Vec::new(),
        };
        graph.insert(id.to_owned(), entry);
    }
    let resolve = metadata
        .get("resolve")
        .context("cargo metadata has no graph")?;
    for node in list(resolve, "nodes")? {
        let dependencies = list(node, "deps")?
            .iter()
            .map(edges)
            .collect::<Result<Vec<_>>>()?;
        if let Some(package) = graph.get_mut(string(node, "id")?) {
            package.dependencies = dependencies.into_iter().flatten().collect();
        }
    }
    Ok(graph)
}

fn edges(dependency: &Value) -> Result<Vec<(String, Kind)>> {
    let id = string(dependency, "pkg")?;
    list(dependency, "dep_kinds")?
        .iter()
        .map(|entry| {
            let kind = match entry.get("kind").and_then(Value::as_str) {
                None => Kind::Normal,
                Some("build") => Kind::Build,
                Some("dev") => Kind::Dev,
                Some(other) => bail!("cargo knows a kind of dependency we don't: {other}"),
            };
            Ok((id.to_owned(), kind))
        })
        .collect()
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let list = value.get(key).and_then(Value::as_array);
    Ok(list.with_context(|| format!("cargo metadata has no list {key}"))?)
}

fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let string = value.get(key).and_then(Value::as_str);
    string.with_context(|| format!("cargo metadata has no {key}"))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{command:?} ended with {}: {}",
            output.status,
            message.trim_end()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
