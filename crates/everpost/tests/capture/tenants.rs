//! Two organizations in one archive, and mail that comes for both.

use everpost_testkit::peers::{Dovecot, Postfix};
use serde_json::Value;

use crate::client::{Client, id};
use crate::relay::{await_that, letter, well};
use crate::service::{Service, everpost, lines};
use crate::{Archive, address};

const ANN: &str = "ann@example.test";
const EVE: &str = "eve@north.test";

#[test]
fn one_message_for_two_organizations() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let postfix = Postfix::before(&dovecot, false).unwrap();
    let archive = Archive::new("domains = ['example.test']");
    archive.relays("quiet_seconds = 1\ncheck_senders = false\n");
    let added = everpost(&archive.data, &["tenant", "add", "north"]);
    let said = String::from_utf8_lossy(&added.stderr);
    assert!(added.status.success() && said.contains("EVRK-"), "{said}");
    let names = well(&archive, &["tenant", "list"]);
    assert_eq!(names, "default\nnorth\n");

    let server = postfix.address().to_string();
    let (first, north) = (["--tenant", "default"], ["--tenant", "north"]);
    let of = |tenant: [&'static str; 2], command: &[&str]| {
        well(&archive, &[command, &tenant].concat());
    };
    of(
        first,
        &["domain", "add", "example.test", "--server", &server],
    );
    of(first, &["recipient", "add", ANN]);
    of(north, &["domain", "add", "north.test", "--server", &server]);
    of(north, &["recipient", "add", EVE]);
    // Its mail waits here: nobody has to have a server for it.
    of(
        north,
        &[
            "continuity",
            "activate",
            "--scope",
            "all",
            "--reason",
            "a drill",
        ],
    );
    let claim = ["domain", "add", "north.test", "--tenant", "default"];
    let claimed = everpost(&archive.data, &claim);
    assert!(!claimed.status.success(), "two have one domain");
    let unnamed = everpost(&archive.data, &["status"]);
    let said = String::from_utf8_lossy(&unnamed.stderr);
    assert!(
        !unnamed.status.success() && said.contains("--tenant"),
        "{said}"
    );

    let command = [
        "service",
        "--tenant",
        "default",
        "--config",
        &archive.config,
    ];
    let listen = ["--listen", "mx=127.0.0.1:0"];
    let service = Service::start(&archive.data, &[&command[..], &listen].concat());
    let mut client = Client::connect(address(&service, "mx"));
    let both = id(&client.send("carol@example.com", &[ANN, EVE], &letter(1)));
    let unknown = client.send("carol@example.com", &["bob@north.test"], &letter(2));
    assert!(unknown.starts_with("550 5.1.1 "), "{unknown}");
    client.quit();
    await_that("Ann's mail", || {
        dovecot.delivered("ann").unwrap().len() == 1
    });
    service.stop();

    // One id, two archives: neither names the other's recipient, not in its queue either.
    for (tenant, own, other) in [("default", ANN, EVE), ("north", EVE, ANN)] {
        let legs = lines(
            &archive.data,
            &["queue", "list", "--all", "--tenant", tenant],
        );
        let (_, legs) = legs.split_last().unwrap();
        let [leg] = legs else {
            panic!("{legs:?}");
        };
        assert_eq!(leg["recipient"], own);
        let state = if tenant == "north" {
            "held"
        } else {
            "delivered"
        };
        assert_eq!(leg["state"], state);
        let log = lines(&archive.data, &["log", "actions", "--tenant", tenant]);
        let log = Value::Array(log).to_string();
        assert!(!log.contains(other), "{log}");
        let envelopes = lines(&archive.data, &["show", &both, "--tenant", tenant]);
        let envelopes = Value::Array(envelopes).to_string();
        // The letter itself is to Ann, whoever reads it.
        assert!(other == ANN || !envelopes.contains(other), "{envelopes}");
        let found = lines(&archive.data, &["search", "Pier", "--tenant", tenant]);
        assert_eq!(found.last().unwrap()["copies"], 1);
        let sound = everpost(&archive.data, &["verify", "--all", "--tenant", tenant]);
        assert!(sound.status.success(), "{tenant}");
    }
}
