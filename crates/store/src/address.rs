//! Where a store's catalog and objects are.

use std::fmt;
use std::str::FromStr;

use crate::error::StoreError;

/// The address of a store: the engine behaves the same at both.
#[derive(Debug, Clone, Default)]
pub enum Address {
    /// SQLite and files in the data directory; one process at a time.
    #[default]
    Embedded,
    /// PostgreSQL and an S3-compatible store, shared by any number of nodes. The data directory
    /// of each holds its name, temporary files, and uploads until they are imported.
    Cluster(Box<Cluster>),
}

/// The servers that the nodes of a cluster share.
#[derive(Clone)]
pub struct Cluster {
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`; what it leaves out comes from
    /// PostgreSQL's own variables (`PGPASSWORD`, `PGSSLROOTCERT`, …).
    pub catalog: String,
    /// The bucket.
    pub objects: Bucket,
}

/// A bucket of an S3-compatible store, written as
/// `s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION`.
#[derive(Clone, Default)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What every object's name begins with; may be empty.
    pub prefix: String,
    /// The server; `None` is AWS.
    pub endpoint: Option<String>,
    /// The region; `None` is what the environment says, or `us-east-1`.
    pub region: Option<String>,
    /// Key id and secret; `None`: from the environment (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`) or from the machine's role.
    pub credentials: Option<(String, String)>,
}

impl Cluster {
    /// Reads both addresses.
    pub fn parse(catalog: &str, objects: &str) -> Result<Self, StoreError> {
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| catalog.starts_with(scheme))
        {
            return Err(StoreError::Invalid(
                "the catalog's address is not postgres://USER@HOST:PORT/DATABASE".into(),
            ));
        }
        Ok(Cluster {
            catalog: catalog.to_string(),
            objects: objects.parse()?,
        })
    }
}

impl FromStr for Bucket {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong =
            |why: &str| StoreError::Invalid(format!("`{text}` is no address of objects: {why}"));
        let rest = text
            .strip_prefix("s3://")
            .ok_or_else(|| wrong("write s3://BUCKET/PREFIX?endpoint=https://HOST:PORT"))?;
        let (place, settings) = rest.split_once('?').unwrap_or((rest, ""));
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        if name.is_empty() {
            return Err(wrong("it names no bucket"));
        }
        let mut bucket = Bucket {
            name: name.to_string(),
            prefix: prefix.trim_matches('/').to_string(),
            ..Bucket::default()
        };
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            match setting.split_once('=') {
                Some(("endpoint", endpoint)) => bucket.endpoint = Some(endpoint.to_string()),
                Some(("region", region)) => bucket.region = Some(region.to_string()),
                _ => return Err(wrong("its settings are endpoint and region")),
            }
        }
        Ok(bucket)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// The catalog's address without passwords: `postgres://USER@HOST:PORT/DATABASE`, its settings
    /// left out.
    pub fn catalog_for_people(&self) -> String {
        let bare = self.catalog.split('?').next().unwrap_or_default();
        let (scheme, rest) = bare.split_once("://").unwrap_or(("postgres", bare));
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}@{place}")
            }
            None => bare.to_string(),
        }
    }
}

/// Without passwords.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.catalog_for_people(), self.objects)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({self})")
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        let cluster = Cluster::parse(
            "postgres://ann:hush@db.example.org:5432/mail?sslmode=require&password=hush",
            "s3://archive/tenants/one?endpoint=https://s3.example.org:8333&region=eu-1",
        )
        .unwrap();
        let bucket = &cluster.objects;
        assert_eq!(
            (bucket.name.as_str(), bucket.prefix.as_str()),
            ("archive", "tenants/one")
        );
        assert_eq!(
            bucket.endpoint.as_deref(),
            Some("https://s3.example.org:8333")
        );
        assert_eq!(bucket.region.as_deref(), Some("eu-1"));
        let shown = format!("{cluster} {cluster:?}");
        assert!(
            shown.contains("postgres://ann@db.example.org:5432/mail"),
            "{shown}"
        );
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        for (catalog, objects) in [
            ("mysql://db/mail", "s3://archive"),
            ("postgres://db/mail", "archive"),
            ("postgres://db/mail", "s3:///prefix"),
            ("postgres://db/mail", "s3://archive?bucket=other"),
        ] {
            let error = Cluster::parse(catalog, objects).unwrap_err();
            assert_eq!(error.code(), "E-INVALID", "{catalog} {objects}");
        }
    }
}
