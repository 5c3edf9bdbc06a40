//! The one place that reads the clock, and waits by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
pub fn now_us() -> i64 {
    #[cfg(test)]
    if let Some(now) = crate::simulation::now_us() {
        return now;
    }
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
}

/// Waits so long.
pub(crate) async fn sleep(time: Duration) {
    #[cfg(test)]
    if crate::simulation::sleep(time).await {
        return;
    }
    tokio::time::sleep(time).await;
}
