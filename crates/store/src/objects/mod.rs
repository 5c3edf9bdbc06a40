//! The object store of an address: opened, probed, and read by range from threads that wait.

mod lock;
mod probe;
mod range;
mod volumes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::address::{Address, Bucket};
use crate::error::Result;

pub(crate) use lock::ObjectLock;
pub(crate) use probe::{probe, probe_lock};
pub(crate) use range::ObjectRange;
pub(crate) use volumes::{Credentials, MAIN, Volumes};

/// A server that does not answer for so long is out of reach: callers are told, not kept.
const PATIENCE: Duration = Duration::from_secs(20);

/// The objects at `address`, as a store reads and writes them; `data` is the data directory, which
/// must be there for an embedded one. For what comes between a store and its objects:
/// [`Options::objects`](crate::Options::objects).
pub fn open(address: &Address, data: &Path) -> Result<Arc<dyn ObjectStore>> {
    Ok(match address {
        // Every put returns after file and directory are synced.
        Address::Embedded => Arc::new(LocalFileSystem::new_with_prefix(data)?.with_fsync(true)),
        Address::Cluster(cluster) => bucket(&cluster.objects)?,
    })
}

/// How the server of a bucket is spoken to; without TLS where its address says so.
fn client_options(bucket: &Bucket) -> ClientOptions {
    let endpoint = bucket.endpoint.as_deref();
    ClientOptions::new()
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
        .with_connect_timeout(Duration::from_secs(5))
        .with_timeout(PATIENCE)
}

/// The objects of a bucket.
pub(crate) fn bucket(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>> {
    let (store, _) = s3(bucket)?;
    Ok(match bucket.prefix.as_str() {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}

/// A bucket whatever its prefix, and its region.
fn s3(bucket: &Bucket) -> Result<(AmazonS3, String)> {
    // The program has one provider of cryptography; whoever installs it first is right.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&bucket.name)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client_options(bucket))
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(2),
                ..BackoffConfig::default()
            },
            max_retries: 6,
            retry_timeout: PATIENCE,
        });
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if let Some((id, secret)) = &bucket.credentials {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
    }
    let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
    let region = region.unwrap_or_else(|| "us-east-1".into());
    Ok((builder.build()?, region))
}
