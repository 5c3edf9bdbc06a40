//! Domains, recipients, and mail that goes on.

use everpost_domain::continuity::UserState;
use everpost_domain::relay::{LegState, Order, Why};
use everpost_store::{
    Attempt, Errand, Leg, MailDomain, NewLeg, Onward, Recipient, Settled, Tenant, UnknownRecipient,
    Verdict,
};

use crate::mails::{ANN, BOB, prepared_onward};
use crate::story::Story;

/// Evidence is waited for so long, in seconds.
const PATIENCE: u64 = 900;

pub(super) async fn tell(story: &mut Story) {
    addresses(story).await;
    states(story).await;
    queue(story).await;
    ends(story).await;
}

async fn addresses(story: &mut Story) {
    story.chapter("addresses");
    let tenant = story.tenant();
    let domain = |name: &str, unknown: UnknownRecipient| MailDomain {
        name: name.into(),
        unknown,
        server: Some(" mail.example.org:2525 ".into()),
    };
    let domains = [
        domain("Example.ORG.", UnknownRecipient::Reject),
        domain(
            "example.org",
            UnknownRecipient::Box("Box@example.org".into()),
        ),
        domain("xn--fsq.example", UnknownRecipient::Hold),
        domain("not a domain", UnknownRecipient::Relay),
        domain("example.net", UnknownRecipient::Box("nobody".into())),
        MailDomain {
            server: Some("two words".into()),
            ..domain("example.net", UnknownRecipient::Relay)
        },
    ];
    for domain in &domains {
        let put = async || tenant.put_mail_domain(domain, "op").await;
        story.ask(&format!("put {}", domain.name), put).await.ok();
    }
    for name in ["XN--fsq.example", "xn--fsq.example"] {
        let remove = async || tenant.remove_mail_domain(name, "op").await;
        story.ask(&format!("remove {name}"), remove).await.ok();
    }
    let all = async || tenant.mail_domains().await;
    story.ask("domains", all).await.unwrap();
    let alias = Recipient {
        targets: vec![ANN.to_uppercase(), BOB.into()],
        ..Recipient::mailbox("Sales@example.org")
    };
    let elsewhere = Recipient {
        server: Some("far.example.org".into()),
        ..Recipient::mailbox(BOB)
    };
    let known = [Recipient::mailbox(ANN), alias, elsewhere];
    let wrong = [
        Recipient::mailbox("ann2@example.org"),
        Recipient::mailbox("nobody"),
    ];
    for recipients in [&known[..], &known[1..2], &wrong[..]] {
        let put = async || tenant.put_recipients(recipients, "op").await;
        story.ask("put recipients", put).await.ok();
    }
    let all = async || tenant.recipients().await;
    story.ask("recipients", all).await.unwrap();
    for address in ["SALES@example.org", "sales2@example.org"] {
        let find = async || tenant.recipient(address).await;
        story.ask(&format!("find {address}"), find).await.unwrap();
        let remove = async || tenant.remove_recipient(address, "op").await;
        story.ask(&format!("remove {address}"), remove).await.ok();
    }
}

async fn states(story: &mut Story) {
    story.chapter("states of users");
    let tenant = story.tenant();
    let both = [ANN.to_owned(), BOB.to_owned()];
    let changes = [
        (&both[..], UserState::Recovery),
        (&both[..1], UserState::Active),
        (&both[..], UserState::Active),
        (&both[..1], UserState::Ready),
        (&both[..], UserState::Recovery),
        (&both[..], UserState::Ready),
    ];
    for (who, state) in changes {
        let set = async || tenant.set_user_states(who, state, "op", "a drill").await;
        story.ask(state.name(), set).await.unwrap();
    }
    let nobody = ["nobody@example.org".to_owned()];
    let set = async || {
        tenant
            .set_user_states(&nobody, UserState::Active, "op", "")
            .await
    };
    story.ask("nobody", set).await.unwrap_err();
}

fn leg(recipient: &str, place: &str, held: Option<Why>) -> NewLeg {
    NewLeg {
        recipient: recipient.into(),
        user: recipient.into(),
        place: place.into(),
        priority: i8::from(recipient == BOB) * 4,
        held,
        options: "NOTIFY".into(),
    }
}

/// What of a leg is the same each time.
fn shown(leg: &Leg) -> String {
    let words: Vec<String> = leg
        .attempts
        .iter()
        .map(|attempt| format!("{:?} {} {}", attempt.verdict, attempt.server, attempt.words))
        .collect();
    format!(
        "{} {} from {} by {} ({:?}) for {} at {}: {} {:?}, priority {}, {} tries {words:?}{}",
        leg.id,
        leg.copy,
        leg.sender,
        leg.how,
        leg.options,
        leg.recipient,
        leg.place,
        leg.state.name(),
        leg.why,
        leg.priority,
        leg.tries,
        if leg.may_be_doubled() { " twice?" } else { "" },
    )
}

async fn show(story: &mut Story, what: &str) {
    let tenant = story.tenant();
    let legs = tenant.relay_legs(0, true).await.unwrap();
    for leg in &legs {
        story.say_text(what, &shown(leg));
    }
    let status = tenant.relay_status().await.unwrap();
    let counts: Vec<_> = status
        .counts
        .iter()
        .map(|count| (count.state, count.why, count.legs))
        .collect();
    let open = (status.open(), status.oldest().is_some());
    story.say("status", &(counts, open));
}

/// What is due, taken.
async fn take(tenant: &Tenant, most: usize) -> Vec<Errand> {
    let mut places = tenant.relay_due().await.unwrap();
    places.sort_by_key(|place| (std::cmp::Reverse(place.priority), place.legs));
    let mut taken = Vec::new();
    for place in places {
        taken.extend(tenant.relay_take(place.place, most).await.unwrap());
    }
    taken
}

fn settled(leg: &Leg, state: LegState, verdict: Verdict, wait: u64) -> Settled {
    Settled {
        leg: leg.clone(),
        state,
        wait,
        attempt: Some(Attempt {
            at: 0,
            server: "mail.example.org".into(),
            verdict,
            words: "said so".into(),
        }),
    }
}

async fn queue(story: &mut Story) {
    story.chapter("the queue");
    let tenant = story.tenant();
    let raws = ["plain", "reply"].map(|name| (name, story.mails.get(name).raw.clone()));
    let mail = |name: &str, legs: Vec<NewLeg>| {
        let (_, raw) = raws.iter().find(|(known, _)| *known == name).unwrap();
        let onward = Onward {
            handed: None,
            sender: "carol@example.com".into(),
            how: "SMTP".into(),
            legs,
        };
        prepared_onward(raw, onward)
    };
    let first = || {
        let legs = vec![
            leg(ANN, "example.org", None),
            leg(BOB, "far.example.org", None),
            leg("x@example.org", "example.org", Some(Why::UnknownRecipient)),
        ];
        mail("plain", legs)
    };
    let second = || {
        mail(
            "reply",
            vec![
                leg(ANN, "example.org", None),
                leg(BOB, "far.example.org", None),
            ],
        )
    };
    let items = || vec![first(), second()];
    let tell = async || tenant.admit(items(), None).await;
    story.done(tell).await.unwrap();
    // The same bytes for the same people: once more, and with somebody new.
    let again = || {
        vec![mail(
            "plain",
            vec![
                leg(&ANN.to_uppercase(), "example.org", None),
                leg("new@example.org", "example.org", None),
            ],
        )]
    };
    story
        .done(async || tenant.admit(again(), None).await)
        .await
        .unwrap();
    show(story, "admitted").await;
}

async fn ends(story: &mut Story) {
    story.chapter("ends of the queue");
    let tenant = story.tenant();
    let open = tenant.relay_legs(0, false).await.unwrap();
    let open: Vec<&Leg> = open.iter().collect();
    story.say("open", &open.len());
    // Taken by one is not there for another.
    let taken = take(&tenant, 1).await;
    let shown: Vec<String> = taken
        .iter()
        .map(|errand| format!("{} {}", errand.sender, errand.legs.len()))
        .collect();
    story.say("taken", &shown);
    let rest = take(&tenant, 100).await;
    story.say("the rest", &rest.len());
    story.say("nothing is left", &take(&tenant, 100).await.len());
    let legs: Vec<Leg> = taken
        .iter()
        .chain(&rest)
        .flat_map(|errand| errand.legs.clone())
        .collect();
    let ids: Vec<i64> = legs.iter().map(|leg| leg.id).collect();
    tenant.relay_keep(&ids).await.unwrap();
    let sending = tenant.relay_sending(&ids[..3]).await.unwrap();
    story.say("sending", &sending.len());
    story.say(
        "again",
        &tenant.relay_sending(&ids[..3]).await.unwrap().len(),
    );
    // One is delivered, one comes later; the third may have been taken when the node ends.
    let outcomes = [
        settled(&legs[0], LegState::Delivered, Verdict::Accepted, 0),
        settled(&legs[1], LegState::Waiting, Verdict::Temporary, 3600),
    ];
    tenant.relay_settle(&outcomes).await.unwrap();
    // Nobody settles what is settled.
    let late = [settled(&legs[0], LegState::Failed, Verdict::Permanent, 0)];
    tenant.relay_settle(&late).await.unwrap();
    story.say("woken", &tenant.relay_wake(true, PATIENCE).await.unwrap());
    story.say(
        "nothing to wake",
        &tenant.relay_wake(false, PATIENCE).await.unwrap(),
    );
    let uncertain = tenant.relay_uncertain().await.unwrap();
    story.say("uncertain", &uncertain.len());
    story.say(
        "by copy",
        &tenant.relay_legs_of(&legs[0].copy).await.unwrap().len(),
    );
    let seal = tenant.relay_seal("17.a");
    let known = ["17.a", "18.a"].map(|name| tenant.relay_is_seal(name, &seal));
    story.say("sealed", &known);
    let uncertain: Vec<i64> = uncertain.iter().map(|leg| leg.id).collect();
    for order in Order::ALL {
        let give = async || {
            tenant
                .relay_order(&uncertain, order, "op", "was asked to")
                .await
        };
        story.ask(order.name(), give).await.unwrap();
    }
    let rest: Vec<i64> = ids[3..].to_vec();
    for order in [
        Order::Hold,
        Order::Release,
        Order::Retry,
        Order::Drop,
        Order::Retry,
    ] {
        let give = async || tenant.relay_order(&rest, order, "op", "tidied").await;
        let ordered = story.done(give).await.unwrap();
        story.say(order.name(), &(ordered.legs == ordered.changed));
    }
    tenant
        .relay_order(&[-1], Order::Drop, "op", "")
        .await
        .unwrap_err();
    // Ann's server is down; what waits for her stands by, and goes on when it is up again.
    let ann = [ANN.to_owned()];
    for state in [UserState::Active, UserState::Recovery, UserState::Ready] {
        let set = tenant.set_user_states(&ann, state, "op", "an outage").await;
        story.say(state.name(), &set.unwrap());
        let status = tenant.relay_status().await.unwrap();
        let standing = status
            .counts
            .iter()
            .any(|count| count.why == Some(Why::Standby));
        story.say("stands by", &standing);
    }
    // All is ended, and young ends are remembered.
    let open = tenant.relay_legs(0, false).await.unwrap();
    let open: Vec<i64> = open.iter().map(|leg| leg.id).collect();
    tenant
        .relay_order(&open, Order::Drop, "op", "the end")
        .await
        .unwrap();
    tenant.relay_forget().await.unwrap();
    story.say("open", &tenant.relay_status().await.unwrap().open());
    story.say(
        "remembered",
        &!tenant.relay_legs(0, true).await.unwrap().is_empty(),
    );
}
