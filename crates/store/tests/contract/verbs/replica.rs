//! A mailbox as mail programs see it.

use std::collections::BTreeMap;

use everpost_domain::continuity::UserState;
use everpost_domain::replica::Fingerprint;
use everpost_store::{FlagOrder, Flags, NewMessage, Notes, Replica, Row, SpecialUse};

use crate::mails::ANN;
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("a mailbox");
    let tenant = story.tenant();
    story.say(
        "of nobody",
        &tenant
            .replica_if_any("nobody@example.org")
            .await
            .unwrap()
            .is_some(),
    );
    let replica = tenant.replica(ANN).await.unwrap();
    story.say("whose", &(replica.owner(), replica.tenant().name()));
    let mut changed = replica.changed();
    folders(story, &replica).await;
    changed.changed().await.unwrap();
    messages(story, &replica).await;
    standby(story).await;
    in_step(story).await;
}

/// A mailbox that is kept in step with a mail server: what is known of that one is written beside it.
async fn in_step(story: &mut Story) {
    let tenant = story.tenant();
    let replica = tenant.synced_replica("carl@example.org").await.unwrap();
    story.say("its folders", &replica.folders().await.unwrap());
    let copy = story.mails.id("plain");
    let new = NewMessage {
        copy: Some(copy),
        fingerprint: Some(Fingerprint {
            key: copy,
            content: copy,
        }),
        flags: Flags::SEEN,
        date: 1_700_000_000,
        size: 4711,
        summary: Vec::new(),
    };
    let inbox = replica.folder("INBOX").await.unwrap().id;
    story.answer(
        "put there",
        &replica
            .append(inbox, std::slice::from_ref(&new), false)
            .await,
    );
    let owed = replica.step(&BTreeMap::new(), |core| core.owed()).await;
    story.answer("owed to the server", &owed);
    let header = NewMessage {
        copy: None,
        ..new.clone()
    };
    story.answer("its header", &replica.append(inbox, &[header], false).await);
    let unfilled = replica.unfilled(inbox, 5).await;
    story.answer("without bytes", &unfilled.map(|rows| shown(&rows)));
    let again = new.clone();
    story.answer("filled", &replica.fill(inbox, &[(2, new)]).await);
    let rows = replica.rows(inbox, &[1, 2]).await;
    story.answer("rows", &rows.map(|rows| shown(&rows)));
    story.answer("received", &replica.receive(inbox, &[again]).await);
    let none = BTreeMap::new();
    let refused = replica.try_step(&none, |core| match core.owed().len() {
        0 => Ok(()),
        owed => Err(owed),
    });
    story.answer("refused", &refused.await);
    let notes = || {
        Notes::new()
            .put(1, 1, &"pier")
            .put(1, 2, &"boat")
            .forget(1, 3)
    };
    story.answer("noted", &tenant.write_notes(notes()).await);
    let forgotten = Notes::new().forget(1, 1);
    story.answer("forgotten", &tenant.write_notes(forgotten).await);
    let notes: Vec<(i64, String)> = tenant.notes(1).await.unwrap();
    story.say("notes", &notes);
    story.answer(
        "messages",
        &replica.look(|core| core.messages().count()).await,
    );
}

/// What waits for users whose mail server is not used comes into their mailbox, once.
async fn standby(story: &mut Story) {
    let tenant = story.tenant();
    let ann = [ANN.to_owned()];
    let active = tenant.set_user_states(&ann, UserState::Active, "op", "drill");
    story.answer("active", &active.await);
    let due = tenant.standby_due().await.unwrap();
    story.say(
        "standing by",
        &due.iter().map(|mail| &mail.user).collect::<Vec<_>>(),
    );
    for mail in &due {
        let message = NewMessage {
            copy: Some(mail.copy),
            fingerprint: None,
            flags: Flags::default(),
            date: 1_700_000_000,
            size: 12,
            summary: Vec::new(),
        };
        let replica = tenant.replica(&mail.user).await.unwrap();
        story.answer("delivered", &replica.deliver(mail.leg, &message).await);
        story.answer(
            "delivered twice",
            &replica.deliver(mail.leg, &message).await,
        );
    }
    story.say(
        "standing by then",
        &tenant.standby_due().await.unwrap().len(),
    );
    for state in [UserState::Recovery, UserState::Ready] {
        let change = tenant.set_user_states(&ann, state, "op", "drill");
        story.answer(state.name(), &change.await);
    }
}

async fn folders(story: &mut Story, replica: &Replica) {
    let sent = SpecialUse::named("\\SENT").unwrap();
    story.say("a use", &sent.name());
    let made = replica.create_folder("Work/Pier", Some(sent)).await;
    story.answer("made", &made);
    let twice = replica.create_folder("Work", None).await;
    story.answer("made twice", &twice);
    story.answer("renamed", &replica.rename_folder("Work", "Old").await);
    story.answer("unsubscribed", &replica.subscribe("Old", false).await);
    story.say("folders", &replica.folders().await.unwrap());
    story.answer("deleted", &replica.delete_folder("Old").await);
    story.answer("by its name", &replica.folder("Old").await);
    let inbox = replica.folder("inbox").await.unwrap();
    story.answer("by its id", &replica.folder_by_id(inbox.id).await);
}

async fn messages(story: &mut Story, replica: &Replica) {
    let inbox = replica.folder("INBOX").await.unwrap().id;
    let sent = replica.folder("Sent").await.unwrap().id;
    let names = ["\\Seen".to_string(), "$Work".to_string()];
    let flags = replica.flags(&names).await.unwrap();
    let keywords = replica.keywords().await.unwrap();
    story.say(
        "flags",
        &(flags, flags.names(&keywords), flags.has(Flags::SEEN)),
    );
    story.say(
        "others",
        &(flags.with(Flags::DRAFT), flags.without(Flags::SEEN)),
    );
    let new = |name: &str| NewMessage {
        copy: Some(story.mails.id(name)),
        fingerprint: None,
        flags,
        date: 1_700_000_000,
        size: 4711,
        summary: name.as_bytes().to_vec(),
    };
    let two = [new("plain"), new("large")];
    let uids = replica.append(inbox, &two, true).await;
    story.answer("appended", &uids);
    let unknown = NewMessage {
        copy: Some(everpost_domain::digest::Digest::of(b"never came")),
        ..two[0].clone()
    };
    let refused = replica.append(inbox, &[unknown], false).await;
    story.answer("a copy that is not here", &refused);
    story.say("indicator", &replica.indicator().await.unwrap());
    let found = replica
        .find_saved(inbox, &two[1].copy.unwrap(), 0..i64::MAX)
        .await;
    story.answer("found", &found);
    let flagged = FlagOrder::Add(Flags::FLAGGED);
    let stored = replica.store_flags(inbox, &[1, 2, 3], flagged, None).await;
    story.answer("flagged", &stored.map(|(rows, left)| (shown(&rows), left)));
    let late = replica.store_flags(inbox, &[1], flagged, Some(1)).await;
    story.answer(
        "flagged too late",
        &late.map(|(rows, left)| (shown(&rows), left)),
    );
    story.answer("copied", &replica.copy(inbox, &[1], sent, false).await);
    story.answer("moved", &replica.copy(inbox, &[2], sent, true).await);
    story.answer("expunged", &replica.expunge(inbox, &[1, 2]).await);
    let changes = replica.changes(inbox, 1).await;
    story.answer(
        "changes",
        &changes.map(|all| (all.folder, shown(&all.rows), all.gone)),
    );
    story.answer("summaries", &replica.summaries(sent, &[1, 2]).await);
    story.answer("counts", &replica.count(sent).await);
    let rows = replica.changes(sent, 0).await.unwrap().rows;
    let copies: Vec<i64> = rows.iter().map(|row| row.copy).collect();
    let tenant = story.tenant();
    let mut sizes = Vec::new();
    let read = async || {
        sizes.clear();
        let mut failed = None;
        let read = tenant.read_copies(&copies, |place, raw| {
            match raw {
                Ok(raw) => sizes.push((place, raw.len())),
                Err(error) => failed = Some(error),
            }
            true
        });
        read.await?;
        failed.map_or(Ok(()), Err)
    };
    story.done(read).await.unwrap();
    story.say("read", &sizes);
    story.answer("their ids", &tenant.ids_of_copies(&copies).await);
    let heads = tenant.heads(&copies).await.unwrap();
    let subjects: Vec<&str> = heads.iter().map(|head| head.subject.as_str()).collect();
    story.say("subjects", &subjects);
}

/// Rows, without the time at which this story was told.
fn shown(rows: &[Row]) -> Vec<(u32, Flags, u64, i64, u64)> {
    let shown = |row: &Row| (row.uid, row.flags, row.modseq, row.date, row.size);
    rows.iter().map(shown).collect()
}
