//! The object store of an address: opened, probed, and read by range from threads that wait.

mod probe;
mod range;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::address::{Address, Bucket};
use crate::error::Result;

pub(crate) use probe::probe;
pub(crate) use range::ObjectRange;

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

/// The objects of a bucket.
pub(crate) fn bucket(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>> {
    // The program has one provider of cryptography; whoever installs it first is right.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&bucket.name)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(
            ClientOptions::new()
                .with_connect_timeout(Duration::from_secs(5))
                .with_timeout(PATIENCE),
        )
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
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if let Some((id, secret)) = &bucket.credentials {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
    }
    let store = builder.build()?;
    Ok(match bucket.prefix.as_str() {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}
