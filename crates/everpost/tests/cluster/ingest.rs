//! Three nodes take mail in at once, and any of them may die at any time.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use everpost_domain::digest::Digest;
use everpost_testkit::corpus;
use everpost_testkit::letters::Letters;
use everpost_testkit::peers::{Postgres, Seaweed};

use crate::mailbox::{Mailbox, soak};
use crate::nodes::{Node, Servers};

/// Mail of a node: some that every node brings, some of its own, and large ones between, each of
/// which is a commit of its own.
fn mailbox(number: usize, each: usize) -> Mailbox {
    let real = corpus::spam_assassin().unwrap();
    let mail = |at: usize| real[at % real.len()].bytes.clone();
    let mut letters = Letters::new(70 + number as u64);
    let noise = letters.noise(3_400_000);
    let mut mails: Vec<Vec<u8>> = Vec::new();
    for at in 0..each {
        mails.push(mail(at * 7));
        mails.push(mail(1_000 * (number + 1) + at));
        if at % (each / 6) == 3 {
            mails.push(letters.letter_with(300, &noise[at..]));
        }
    }
    Mailbox::of(mails)
}

fn import(node: &Node, number: usize, mailbox: &Mailbox) -> std::process::Command {
    let address = format!("node{number}@example.org");
    let path = mailbox.path.to_str().unwrap();
    let mut command = node.command(&[
        "import",
        "mbox",
        path,
        "--dialect",
        "rd",
        "--mailbox",
        &address,
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The job of a node's mailbox is done.
fn is_done(node: &Node, number: usize) -> bool {
    let jobs = node.run(&["import", "list"]);
    // The job's description ends with its mailbox.
    let mine = |about: &str| about.contains(&format!("node{number}@"));
    jobs.lines
        .iter()
        .any(|job| job["about"].as_str().is_some_and(mine) && job["state"] == "done")
}

/// What all of them together hold in the end.
fn add_up(servers: &Servers, node: &Node, mailboxes: &[Mailbox]) {
    let wanted: BTreeSet<String> = mailboxes
        .iter()
        .flat_map(|mailbox| mailbox.mails.keys().map(Digest::to_string))
        .collect();
    let deliveries: usize = mailboxes.iter().map(|mailbox| mailbox.items.len()).sum();
    servers.is_sound();
    let status = node.run(&["status"]);
    let number = |name: &str| status.summary()[name].as_u64().unwrap() as usize;
    assert_eq!(number("copies"), wanted.len());
    assert_eq!(
        number("deliveries"),
        deliveries,
        "each item was delivered once"
    );
    assert_eq!([number("index_lag"), number("log_lag")], [0, 0]);
    assert_eq!(number("log_size"), deliveries, "one log");
    let jobs = node.run(&["import", "list"]);
    let told = |name: &str| -> usize {
        let jobs = jobs.lines.iter().filter_map(|job| job[name].as_u64());
        jobs.sum::<u64>() as usize
    };
    assert_eq!((told("seen"), told("stored")), (deliveries, wanted.len()));
    node.holds_exactly(&wanted);
}

#[test]
fn three_nodes_take_mail_in_at_once() {
    let servers = Servers::start();
    let mailboxes: Vec<Mailbox> = (0..3).map(|number| mailbox(number, 120)).collect();
    let nodes: Vec<Node> = (0..3)
        .map(|number| servers.node(&format!("n{number}")))
        .collect();
    // The first makes the archive and the key.
    let made = nodes[0].run(&["import", "demo", "--messages", "0"]);
    assert_eq!(made.code, 0, "{}", made.errors);
    let running: Vec<Child> = (0..3)
        .map(|number| {
            import(&nodes[number], number, &mailboxes[number])
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }
    add_up(&servers, &nodes[2], &mailboxes);
}

#[test]
fn a_storage_server_that_dies_takes_nothing_with_it() {
    let mut servers = Servers::of(Postgres::start().unwrap(), Seaweed::replicated().unwrap());
    let mailboxes: Vec<Mailbox> = (0..3).map(|number| mailbox(number, 18)).collect();
    let node = servers.node("n0");
    // Each of the three is away for a while: two of them hold each object.
    for (number, mailbox) in mailboxes.iter().enumerate() {
        servers.objects.kill_volume(number).unwrap();
        let said = crate::mailbox::run(&mut import(&node, number, mailbox));
        assert_eq!(said.code, 0, "{}", said.errors);
        let verified = node.run(&["verify", "--all"]);
        assert_eq!(verified.code, 0, "{:?}", verified.summary());
        servers.objects.start_volume(number).unwrap();
    }
    add_up(&servers, &node, &mailboxes);
}

#[test]
fn nodes_that_are_killed_lose_and_double_nothing() {
    let servers = Servers::start();
    let (wanted_kills, each) = if soak() { (200, 6000) } else { (12, 240) };
    // So short that the mail lasts for all kills.
    let longest = if soak() { 700 } else { 1500 };
    let mailboxes: Vec<Mailbox> = (0..3).map(|number| mailbox(number, each)).collect();
    let nodes: Vec<Node> = (0..3)
        .map(|number| servers.node(&format!("n{number}")))
        .collect();
    let made = nodes[0].run(&["import", "demo", "--messages", "0"]);
    assert_eq!(made.code, 0, "{}", made.errors);
    let mut running: Vec<Option<(Child, Instant)>> = Vec::new();
    let spawn = |number: usize| {
        let mut command = import(&nodes[number], number, &mailboxes[number]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        (child, Instant::now())
    };
    running.extend((0..3).map(|number| Some(spawn(number))));
    let (mut kills, mut state) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    let mut patience: Vec<Duration> = (0..3)
        .map(|number| Duration::from_millis(150 * number + 40))
        .collect();
    while running.iter().any(Option::is_some) {
        for number in 0..3 {
            let Some((child, began)) = &mut running[number] else {
                continue;
            };
            if child.try_wait().unwrap().is_some() {
                // It ended by itself, well or not; what it had left is done by the next.
                running[number] = (!is_done(&nodes[number], number)).then(|| spawn(number));
            } else if kills < wanted_kills && began.elapsed() > patience[number] {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                patience[number] = Duration::from_millis(30 + (state >> 33) % longest);
                running[number] = (!is_done(&nodes[number], number)).then(|| spawn(number));
            }
        }
        std::thread::yield_now();
    }
    println!("{kills} kills survived");
    let enough = if soak() {
        wanted_kills
    } else {
        wanted_kills / 2
    };
    assert!(kills >= enough, "too few were met: {kills}");
    // Whoever followed may have died last.
    let indexed = nodes[1].run(&["search", "", "--limit", "0"]);
    assert_eq!(indexed.code, 0, "{}", indexed.errors);
    let logged = nodes[1].run(&["verify", "--all"]);
    assert_eq!(logged.code, 0, "{}", logged.errors);
    add_up(&servers, &nodes[1], &mailboxes);
}

/// The servers die instead, one after the other, and come back.
#[test]
fn servers_that_are_killed_lose_nothing_acknowledged() {
    let mut servers = Servers::of(Postgres::durable().unwrap(), Seaweed::start().unwrap());
    let mailboxes = [mailbox(0, 240)];
    let node = servers.node("n0");
    let made = node.run(&["import", "demo", "--messages", "0"]);
    assert_eq!(made.code, 0, "{}", made.errors);
    let mut deaths = 0;
    for round in 0.. {
        let mut child = import(&node, 0, &mailboxes[0]).spawn().unwrap();
        let before = servers.number("SELECT COUNT(*) FROM event");
        // After the next commit there is something to lose.
        let mut ended = false;
        while !ended && servers.number("SELECT COUNT(*) FROM event") == before {
            ended = child.try_wait().unwrap().is_some();
        }
        if !ended && round < 4 {
            match round % 2 {
                0 => servers.postgres.kill().unwrap(),
                _ => servers.objects.kill().unwrap(),
            }
            deaths += 1;
        }
        let output = child.wait_with_output().unwrap();
        if !ended && round < 4 {
            match round % 2 {
                0 => servers.postgres.start_again().unwrap(),
                _ => servers.objects.start_again().unwrap(),
            }
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        match output.status.success() {
            true => break,
            false => assert!(errors.contains("E-UNREACHABLE"), "{errors}"),
        }
    }
    println!("{deaths} deaths of servers survived");
    assert!(deaths >= 2, "too few were met: {deaths}");
    add_up(&servers, &node, &mailboxes);
}
