//! Objects outlive what happens to a SeaweedFS.

use std::process::Command;

use super::launch::{FETCHED, MASTER, PACKAGE};
use super::{CURL, KEY, READER_KEY, READER_SECRET, SECRET, Seaweed, known};
use crate::peers::{PeerError, Proxy, Result, output};

const ADMIN: (&str, &str) = (KEY, SECRET);

fn put(seaweed: &Seaweed, who: (&str, &str), path: &str, text: &str) -> Result<()> {
    // As a file: what Debian 12's curl signs of `--data` is not what it sends.
    let file = seaweed.path("object");
    std::fs::write(&file, text).unwrap();
    let mut command = seaweed.curl(&seaweed.endpoint(), path, who);
    output(command.arg("--upload-file").arg(file), CURL).map(drop)
}

fn get(seaweed: &Seaweed, who: (&str, &str), path: &str) -> Result<String> {
    get_by(seaweed, &seaweed.endpoint(), who, path)
}

fn get_by(seaweed: &Seaweed, endpoint: &str, who: (&str, &str), path: &str) -> Result<String> {
    let body = output(&mut seaweed.curl(endpoint, path, who), CURL)?;
    Ok(String::from_utf8(body).unwrap())
}

#[test]
fn ci_run_fetches_the_version_that_is_looked_for() {
    let script = include_str!("../../../../../.ci/run");
    let version = FETCHED.rsplit('-').next().unwrap();
    assert!(script.contains(&format!("weed_version={version}\n")));
    assert!(PACKAGE.contains(version));
}

#[test]
fn objects_survive_a_kill() {
    let mut seaweed = Seaweed::start().unwrap();
    let sockets = seaweed.sockets();
    let folder = seaweed.folder.path().to_owned();
    assert!(sockets.iter().all(|socket| socket.exists()));

    seaweed.create_bucket("plain", false).unwrap();
    put(&seaweed, ADMIN, "plain/a/b", "an object").unwrap();
    assert_eq!(get(&seaweed, ADMIN, "plain/a/b").unwrap(), "an object");

    let reader = (READER_KEY, READER_SECRET);
    assert_eq!(reader, seaweed.reader());
    assert_eq!(get(&seaweed, reader, "plain/a/b").unwrap(), "an object");
    let refused = put(&seaweed, reader, "plain/a/c", "another").unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    let nobody = get(&seaweed, (KEY, "wrong"), "plain/a/b").unwrap_err();
    assert!(
        nobody.to_string().contains("SignatureDoesNotMatch"),
        "{nobody}"
    );

    seaweed.create_bucket("locked", true).unwrap();
    let lock = get(&seaweed, ADMIN, "locked?object-lock=").unwrap();
    assert!(lock.contains("<ObjectLockEnabled>Enabled"), "{lock}");
    assert!(get(&seaweed, ADMIN, "plain?object-lock=").is_err());

    seaweed.kill().unwrap();
    assert!(get(&seaweed, ADMIN, "plain/a/b").is_err());
    seaweed.start_again().unwrap();
    assert_eq!(get(&seaweed, ADMIN, "plain/a/b").unwrap(), "an object");
    put(&seaweed, ADMIN, "plain/a/c", "another").unwrap();

    drop(seaweed);
    assert!(!sockets.iter().any(|socket| socket.exists()));
    assert!(!folder.exists());
}

#[test]
fn it_hangs_and_goes_on_and_is_reached_by_a_proxy() {
    let seaweed = Seaweed::start().unwrap();
    seaweed.create_bucket("plain", false).unwrap();
    put(&seaweed, ADMIN, "plain/a", "an object").unwrap();
    let proxy = Proxy::before(seaweed.address()).unwrap();
    let by_proxy = format!("http://{}", proxy.address());
    assert_eq!(
        get_by(&seaweed, &by_proxy, ADMIN, "plain/a").unwrap(),
        "an object"
    );
    proxy.cut();
    assert!(get_by(&seaweed, &by_proxy, ADMIN, "plain/a").is_err());
    assert_eq!(get(&seaweed, ADMIN, "plain/a").unwrap(), "an object");

    seaweed.pause().unwrap();
    // curl gives up by itself, and says so by 28.
    let hung = Command::new("curl")
        .args(["-s", "--max-time", "1", &seaweed.endpoint()])
        .status()
        .unwrap();
    assert_eq!(hung.code(), Some(28));
    seaweed.resume().unwrap();
    assert_eq!(get(&seaweed, ADMIN, "plain/a").unwrap(), "an object");
}

#[test]
fn any_one_volume_server_may_die() {
    let mut seaweed = Seaweed::replicated().unwrap();
    let master = seaweed.ports.address(MASTER);
    seaweed.create_bucket("plain", false).unwrap();
    let mut written = Vec::new();
    let write = |seaweed: &Seaweed, written: &mut Vec<String>, name: String| {
        let path = format!("plain/{name}");
        put(seaweed, ADMIN, &path, &name).unwrap();
        written.push(name);
    };
    for number in 0..12 {
        write(&seaweed, &mut written, format!("before-{number}"));
    }
    for volume in 0..3 {
        seaweed.kill_volume(volume).unwrap();
        for name in &written {
            assert_eq!(
                &get(&seaweed, ADMIN, &format!("plain/{name}")).unwrap(),
                name
            );
        }
        for number in 0..6 {
            write(&seaweed, &mut written, format!("without-{volume}-{number}"));
        }
        assert!(matches!(
            seaweed.kill_volume(volume),
            Err(PeerError::Down(_))
        ));
        seaweed.start_volume(volume).unwrap();
        assert_eq!(known(master), 3);
    }
    assert!(matches!(
        seaweed.kill_volume(3),
        Err(PeerError::NoVolume(3))
    ));
    seaweed.kill().unwrap();
    seaweed.start_again().unwrap();
    for name in &written {
        assert_eq!(
            &get(&seaweed, ADMIN, &format!("plain/{name}")).unwrap(),
            name
        );
    }
}
