//! What Prometheus is told.

use std::time::{Duration, Instant};

use crate::common::*;

#[test]
fn figures_tell_of_counts_and_of_nobodys_mail() {
    let (_folder, data) = demo();
    account(&data, "ann@example.org", &[]);
    let service = Service::start(&data, &["service", "--listen", "metrics=127.0.0.1:0"]);
    let ann = service.sign_in("ann@example.org", PASSWORD);
    service.get(&ann, "/search?q=quetzalcoatlus").well();
    service.get(&ann, "/messages/00000000");
    for invented in ["BREW", "TEAPOT"] {
        service.curl(&["-X", invented], "/search");
    }
    let url = service.ready["listeners"]["metrics"].as_str().unwrap();
    let scrape = || service.curl_to(&[], &format!("http://{url}/metrics"));
    let began = Instant::now();
    let text = loop {
        let answer = scrape();
        assert_eq!(answer.status, 200);
        assert!(answer.headers["content-type"].starts_with("application/openmetrics-text"));
        let text = answer.text();
        if text.contains("\neverpost_index_lag_events 0\n")
            && text.contains("\neverpost_log_lag_events 0\n")
        {
            break text;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{text}");
    };
    assert!(text.ends_with("# EOF\n"), "{text}");
    for wanted in [
        "\neverpost_ready 1\n",
        "\neverpost_leads 1\n",
        "everpost_requests_total{method=\"GET\",route=\"/api/v1/search\",status=\"200\"} 1\n",
        "everpost_requests_total{method=\"GET\",route=\"/api/v1/messages/{id}\",status=\"404\"} 1\n",
        // With the two of an invented method: a route's time is of all that was asked there.
        "everpost_request_seconds_count{route=\"/api/v1/search\"} 3\n",
        "everpost_requests_total{method=\"other\",route=\"/api/v1/search\",status=\"405\"} 2\n",
        "\neverpost_admitted_copies_total 0\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    for secret in ["quetzalcoatlus", "ann@", "example", "TEAPOT"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // Nothing else is told there.
    let other = service.curl_to(&[], &format!("http://{url}/api/v1/readyz"));
    assert_eq!(other.status, 404);
    service.stop();
}
