//! The agent beside a mail program: the real program, a mail server that dies and comes back, and mbsync, which does not
//! notice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "../mailbox/mbsync.rs"]
mod mbsync;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
mod world;

use world::{ANN, World, address, everything, waits_for};

const FAR: &str = "dave@far.test";

fn subjects(all: &[(String, String)]) -> Vec<&str> {
    all.iter().map(|(subject, _)| subject.as_str()).collect()
}

#[test]
fn one_user_does_not_notice_that_the_mail_server_died() {
    let mut world = World::new();
    // All is well: what the mail server has is near, what is sent goes by it.
    for number in 0..3 {
        world.write(world.postfix.address(), &format!("before {number}"));
    }
    world.agent.send(FAR, "out before");
    waits_for("the mail that went out", || {
        world.outside.came() == ["out before"]
    });
    world.finds("the mails before", |near| {
        near.get("INBOX").is_some_and(|all| all.len() == 3)
    });
    world.until("ready", |status| {
        status["mode"] == "ready" && status["service"] == true
    });

    // The mail server dies. What is sent now waits, and nobody is told anything.
    world.down();
    world.until("the silence of the mail server", |status| {
        status["mail_server"] == false
    });
    for number in 0..3 {
        world.agent.send(FAR, &format!("gap {number}"));
    }
    let mx = address(&world.service, "mx");
    world.write(mx, "to her in the gap");
    world.near.run();
    assert_eq!(world.outside.came().len(), 1);

    // The service is the mail server now.
    world.order("activate");
    world.until("active", |status| status["mode"] == "active");
    waits_for("what was sent in the gap", || {
        world.outside.came().len() == 4
    });
    // They were handed over in their order; a relay may have several connections.
    let mut came = world.outside.came();
    came.sort();
    assert_eq!(came, ["gap 0", "gap 1", "gap 2", "out before"]);
    world.agent.send(FAR, "out meanwhile");
    for number in 0..2 {
        world.write(mx, &format!("meanwhile {number}"));
    }
    world.finds("mail in the same inbox", |near| near["INBOX"].len() == 6);
    waits_for("mail that went out", || world.outside.came().len() == 5);
    // She reads one that came meanwhile, files one, deletes one from before; her program saves what she sent.
    world
        .near
        .change("INBOX", "meanwhile 0", |flags| format!("{flags}S"));
    world.near.relocate("INBOX", "to her in the gap", "Archive");
    world
        .near
        .change("INBOX", "before 1", |flags| format!("{flags}T"));
    world
        .near
        .put("Sent", "S", &world::letter("out meanwhile", ANN, FAR));
    world.near.run();
    world.near.run();
    let here = everything(&world.near);
    assert_eq!(
        subjects(&here["INBOX"]),
        ["before 0", "before 2", "meanwhile 0", "meanwhile 1"]
    );

    // The agent dies in the middle of it, and knows where it was.
    world.crash_agent();
    world.until("active again", |status| status["mode"] == "active");
    world.near.run();
    assert_eq!(everything(&world.near), here);

    // The mail server is back, and gets all of it once.
    world.up();
    world.order("recover");
    world.until("recovery", |status| status["mode"] == "recovery");
    world.until("all is brought back", |status| {
        (&status["owed"], &status["awaited"]) == (&0.into(), &0.into())
            && status["mail_server"] == true
    });
    world.order("ready");
    world.until("ready again", |status| status["mode"] == "ready");
    let there = world.there();
    world.near.run();
    let here = everything(&world.near);
    assert_eq!(there, here);
    assert_eq!(
        there["INBOX"],
        [
            ("before 0", ""),
            ("before 2", ""),
            ("meanwhile 0", "S"),
            ("meanwhile 1", "")
        ]
        .map(|(subject, flags)| (subject.to_owned(), flags.to_owned()))
    );
    assert_eq!(subjects(&there["Archive"]), ["to her in the gap"]);
    assert_eq!(
        there["Sent"],
        [("out meanwhile".to_owned(), "S".to_owned())]
    );
    assert!(!there.contains_key("Trash"));

    // And it goes on by the mail server.
    world.agent.send(FAR, "out after");
    world.write(world.postfix.address(), "after");
    waits_for("mail that went out", || world.outside.came().len() == 6);
    world.finds("mail that came", |near| near["INBOX"].len() == 5);
    let status = world.agent.status();
    assert_eq!(status["possibly_doubled"], 0);
    assert_eq!(status["outbox_waiting"], 0);
}
