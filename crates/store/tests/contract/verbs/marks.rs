//! Tags, groups, saved searches. They are made anew at each telling, and end as they began.

use everpost_domain::query::parse;
use everpost_store::{Scope, Tagging};

use crate::mails::{ANN, BOB};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    groups(story).await;
    tags(story).await;
    saved(story).await;
}

async fn groups(story: &mut Story) {
    story.chapter("groups");
    let tenant = story.tenant();
    let sets: [(&str, &[&str]); 6] = [
        (
            "Sales",
            &["@sales.example.org", "bob@EXAMPLE.org", " ann@example.org "],
        ),
        ("東京", &["例え.jp"]),
        ("gone", &["example.net"]),
        ("sales", &["sales.example.org", "bob@example.org"]),
        ("wrong", &["nobody"]),
        ("empty", &[]),
    ];
    for (name, members) in sets {
        let members: Vec<String> = members.iter().map(|member| (*member).into()).collect();
        let set = async || tenant.set_group(name, &members).await;
        story.ask(&format!("set {name}"), set).await.ok();
    }
    for name in ["Gone", "Gone", ""] {
        let remove = async || tenant.remove_group(name).await;
        story.ask(&format!("remove {name}"), remove).await.ok();
    }
    story
        .ask("groups", async || tenant.groups().await)
        .await
        .unwrap();
    story
        .ask("by group", async || tenant.usage_by_group().await)
        .await
        .unwrap();
}

async fn tags(story: &mut Story) {
    story.chapter("tags");
    let tenant = story.tenant();
    let (plain, resent) = (story.mails.id("plain"), story.mails.id("resent twice"));
    let both = [plain, resent, story.mails.id("root")];
    let missing = [plain, everpost_domain::digest::Digest::of(b"nothing")];
    let sailor = parse("sailor").unwrap();
    let (all, ann) = (Scope::Everything, Scope::mailboxes([ANN]));
    let which = [
        ("Later", Tagging::Copies(&both)),
        ("later", Tagging::Copies(&both)),
        ("sea", Tagging::Found(&sailor, &all)),
        ("sea of Ann", Tagging::Found(&sailor, &ann)),
        ("missing", Tagging::Copies(&missing)),
        ("", Tagging::Copies(&both)),
    ];
    for (name, which) in which {
        let add = async || tenant.add_tag(name, which).await;
        story.ask(&format!("add {name}"), add).await.ok();
    }
    story
        .ask("tags", async || tenant.tags().await)
        .await
        .unwrap();
    let off = [
        ("LATER", Tagging::Copies(&both[1..2])),
        ("Later", Tagging::Copies(&both)),
        ("sea", Tagging::Found(&sailor, &ann)),
        ("unknown", Tagging::Copies(&both)),
    ];
    for (name, which) in off {
        let remove = async || tenant.remove_tag(name, which).await;
        story.ask(&format!("remove {name}"), remove).await.ok();
    }
    story
        .ask("tags left", async || tenant.tags().await)
        .await
        .unwrap();
}

async fn saved(story: &mut Story) {
    story.chapter("saved searches");
    let tenant = story.tenant();
    let searches = [
        (ANN, "Figures", "subject:figures sailor OR parity"),
        (ANN, "四半期", "from:yuki@example.jp 報告"),
        (BOB, "figures", "has:attachment"),
        (ANN, "FIGURES", "figures -sailor"),
        ("", "the operator's", ""),
        (ANN, "wrong", "(("),
        (ANN, "", "sailor"),
    ];
    let mut last = 0;
    for (owner, name, text) in searches {
        let save = async || tenant.save_search(owner, name, text).await;
        if let Ok(saved) = story.ask(&format!("save {name}"), save).await {
            last = saved.id;
        }
    }
    for owner in [ANN, BOB, "", "nobody@example.org"] {
        let all = async || tenant.saved_searches(owner).await;
        story.ask(&format!("those of {owner}"), all).await.unwrap();
    }
    for (owner, id) in [(ANN, last), ("", last), ("", last)] {
        let delete = async || tenant.delete_search(owner, id).await;
        story.ask("deleted", delete).await.ok();
    }
}
