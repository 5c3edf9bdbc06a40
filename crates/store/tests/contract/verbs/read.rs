//! Copies are read.

use everpost_domain::digest::Digest;
use everpost_store::{CopyInfo, Scope};

use crate::mails::{ANN, YUKI};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("reading");
    let names: Vec<&str> = story.mails.named.iter().map(|mail| mail.name).collect();
    for name in names {
        whole(story, name).await;
    }
    whole_crowd(story).await;
    prefixes(story).await;
    scopes(story).await;
    matching(story).await;
}

fn about(info: &CopyInfo) -> String {
    let mut info = info.clone();
    // Long, and the same as the bytes say.
    info.head.structure.clear();
    format!("{info:?}")
}

async fn whole(story: &mut Story, name: &str) {
    let tenant = story.tenant();
    let id = story.mails.id(name);
    let wanted = story.mails.get(name).raw.clone();
    let info = story.done(async || tenant.show(&id).await).await;
    story.answer(&format!("{name} shown"), &info.map(|info| about(&info)));
    let raw = story.done(async || tenant.raw(&id).await).await;
    story.answer(&format!("{name} held whole"), &raw.map(|raw| raw == wanted));
    let mut read = Vec::new();
    let piecewise = async || {
        read.clear();
        let piece = |bytes: &[u8]| {
            read.extend_from_slice(bytes);
            Ok(())
        };
        tenant.read_raw(&id, piece).await
    };
    let done = story.done(piecewise).await;
    story.answer(&format!("{name} in pieces"), &done.map(|()| read == wanted));
    let deliveries = async || tenant.deliveries(&id).await;
    story
        .ask(&format!("deliveries of {name}"), deliveries)
        .await
        .ok();
}

async fn whole_crowd(story: &mut Story) {
    let tenant = story.tenant();
    let crowd = story.mails.crowd.clone();
    let mut read = 0;
    for mail in &crowd {
        let id = Digest::of(mail);
        let raw = story.done(async || tenant.raw(&id).await).await.unwrap();
        read += usize::from(raw == *mail);
    }
    story.say("of a crowd", &read);
}

async fn prefixes(story: &mut Story) {
    let tenant = story.tenant();
    let id = story.mails.id("root").to_string();
    let digits = |count: usize| id.chars().take(count).collect::<String>();
    story.hide(digits(8), "root, shortened");
    let prefixes = [
        digits(8),
        digits(15).to_uppercase(),
        id.clone(),
        digits(7),
        "zz".repeat(8),
        "00000000".into(),
    ];
    for prefix in prefixes {
        let found = story.done(async || tenant.resolve(&prefix).await).await;
        story.answer(&format!("{} digits", prefix.len()), &found);
    }
}

async fn scopes(story: &mut Story) {
    let tenant = story.tenant();
    let year = |year: i64| Some((year - 1970) * 31_556_952_000_000);
    let scopes = [
        ("Ann", Scope::mailboxes([ANN])),
        ("Yuki", Scope::mailboxes([YUKI])),
        ("nobody", Scope::mailboxes(["nobody@example.org"])),
        (
            "Yuki or Ann in time",
            Scope::mailboxes([YUKI]).or(Scope::case([ANN], year(2015), year(2020))),
        ),
        ("Ann before", Scope::case([ANN], None, year(2014))),
        ("everything", Scope::Everything),
    ];
    for (who, scope) in &scopes {
        for name in ["second reply", "japanese", "plain", "withdrawn", "no id"] {
            let id = story.mails.id(name);
            let show = async || tenant.show_within(&id, scope).await;
            let info = story.done(show).await;
            let seen = info.map(|info| (info.copies, info.places));
            story.answer(&format!("{name} seen by {who}"), &seen);
        }
    }
}

async fn matching(story: &mut Story) {
    let tenant = story.tenant();
    for name in ["plain", "resent", "resent twice", "no id", "empty", "late"] {
        let id = story.mails.id(name);
        let explained = story.done(async || tenant.explain_match(&id).await).await;
        let explained =
            explained.map(|found| (found.verdict, found.trace.to_string(), found.candidates));
        story.answer(&format!("why {name} is what it is"), &explained);
    }
}
