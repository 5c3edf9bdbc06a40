//! Signatures: what is not exactly what a device signed is nobody's.

use everpost_agent::link::DeviceKey;
use everpost_codec::link::{Signed, content_digest, write_signature};

use crate::service::{Answer, Service};
use crate::{Archive, enrol};

const BODY: &str = r#"{"version":"1","doing":"ready"}"#;
const PATH: &str = "/link/v1/heartbeat";

struct Talk {
    service: Service,
    key: DeviceKey,
    device: String,
}

impl Talk {
    /// The fields of a request that is signed at a time.
    fn fields(&self, created: i64, id: &str, path: &str) -> [String; 3] {
        let digest = content_digest(BODY.as_bytes());
        let signed = Signed {
            method: "POST",
            path,
            query: None,
            content_digest: &digest,
            created,
            key_id: id,
        };
        [
            format!("signature-input: {}", signed.input()),
            format!(
                "signature: {}",
                write_signature(&self.key.sign(&signed.base()))
            ),
            format!("content-digest: {digest}"),
        ]
    }

    fn post(&self, fields: &[String], body: &str, path: &str) -> Answer {
        let mut arguments = vec!["-X", "POST", "-d", body];
        for field in fields {
            arguments.extend(["-H", field.as_str()]);
        }
        let url = self.service.url("https", path);
        self.service.curl_to(&arguments, &url)
    }

    fn refused(&self, fields: &[String], body: &str, path: &str) {
        let answer = self.post(fields, body, path);
        assert_eq!(answer.status, 401, "{fields:?}: {}", answer.text());
        assert_eq!(answer.code(), "E-DEVICE");
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_did_not_sign_is_refused() {
    let archive = Archive::new();
    let service = archive.serve();
    let key = DeviceKey::generate().unwrap();
    let enrolled = enrol(&service, &key, &archive.code()).await.unwrap();
    let talk = Talk {
        service,
        key,
        device: enrolled.device,
    };
    let good = talk.fields(now(), &talk.device, PATH);
    for _ in 0..2 {
        // The same once more does no harm.
        let answer = talk.post(&good, BODY, PATH);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    talk.refused(&good, r#"{"version":"2","doing":"ready"}"#, PATH);
    talk.refused(&good, BODY, &format!("{PATH}?a=b"));
    talk.refused(
        &talk.fields(now(), &talk.device, "/link/v1/other"),
        BODY,
        PATH,
    );
    talk.refused(&talk.fields(now(), "D999", PATH), BODY, PATH);
    talk.refused(&talk.fields(now(), "enrol", PATH), BODY, PATH);
    talk.refused(&[], BODY, PATH);
    talk.refused(&good[..2], BODY, PATH);
    let twice = [good.as_slice(), &good[2..]].concat();
    talk.refused(&twice, BODY, PATH);
    let mut tampered = good.clone();
    let at = tampered[1].len() - 20;
    let other = if tampered[1].as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    tampered[1].replace_range(at..=at, other);
    talk.refused(&tampered, BODY, PATH);
    let mut later = good.clone();
    later[0] = later[0].replace(";created=1", ";created=2");
    talk.refused(&later, BODY, PATH);

    // Only the clock is wrong: that is said, and by the answer's date the device knows better.
    for created in [now() - 400, now() + 400] {
        let fields = talk.fields(created, &talk.device, PATH);
        let answer = talk.post(&fields, BODY, PATH);
        assert_eq!((answer.status, answer.code().as_str()), (401, "E-CLOCK"));
        assert!(answer.headers.contains_key("date"));
    }
    // Another device's key under this one's name.
    let stranger = Talk {
        key: DeviceKey::generate().unwrap(),
        ..talk
    };
    let fields = stranger.fields(now(), &stranger.device, PATH);
    stranger.refused(&fields, BODY, PATH);
    // Nothing is read of what nobody signed, however much it is.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("much");
    std::fs::write(&file, vec![0; 8 << 20]).unwrap();
    let data = format!("@{}", file.display());
    let url = stranger.service.url("https", "/link/v1/submit");
    let arguments = ["-X", "POST", "--data-binary", &data, "-H", "expect:"];
    assert_eq!(stranger.service.curl_to(&arguments, &url).status, 401);
    let nowhere = stranger.service.url("https", "/link/v2/state/x");
    assert_eq!(stranger.service.curl_to(&[], &nowhere).status, 404);
    stranger.service.stop();
}
