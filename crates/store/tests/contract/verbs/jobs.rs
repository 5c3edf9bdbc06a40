//! Imports: resumed, failed, withdrawn.

use everpost_store::{JobState, Prepared, Progress};

use crate::mails::{ANN, BOB, place, prepared_at};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("jobs");
    let tenant = story.tenant();
    story
        .ask("none", async || tenant.jobs().await)
        .await
        .unwrap();
    let start = async || {
        tenant
            .start_job("mbox kept.mbox", "kept", Some("IMAP.example.net"))
            .await
    };
    let kept = story.ask("started", start).await.unwrap().id;
    story.ask("resumed", start).await.unwrap();
    let start = async || {
        tenant
            .start_job("mbox wrong.mbox", "wrong", Some("imap.example.com"))
            .await
    };
    let wrong = story.ask("another", start).await.unwrap().id;
    let start = async || tenant.start_job("nothing", "nothing", Some(" \n")).await;
    story
        .ask("of a server without a name", start)
        .await
        .unwrap_err();
    tasks(story, kept, wrong).await;

    // What only the wrong import brought, and what came by another way as well.
    let brings = [
        ("imported", kept, BOB),
        ("withdrawn", wrong, ANN),
        ("root", wrong, "eve@example.org"),
    ];
    for (name, job, mailbox) in brings {
        let raw = story.mails.get(name).raw.clone();
        let items = || -> Vec<Prepared> {
            vec![prepared_at(&raw, vec![place(mailbox, "Imported", 0, &[])])]
        };
        let progress = || Progress {
            job,
            cursor: name.as_bytes().to_vec(),
            rejected: 1,
            failed: 2,
            outside: 3,
            errors: vec![
                (9, "not a mail".into()),
                (4, "読めない".into()),
                (9, "again".into()),
            ],
        };
        let admit = async || tenant.admit(items(), Some(progress())).await;
        story.ask(&format!("brought {name}"), admit).await.unwrap();
    }
    for job in [kept, wrong, 77] {
        let info = story.ask("a job", async || tenant.job(job).await).await;
        if let Ok(info) = info {
            story.say("it balances", &info.counts.balances());
        }
        story
            .ask("its errors", async || tenant.job_errors(job).await)
            .await
            .unwrap();
    }
    story
        .ask("servers", async || tenant.servers().await)
        .await
        .unwrap();
    finish(story, kept, wrong).await;
}

async fn tasks(story: &mut Story, kept: i64, wrong: i64) {
    let tenant = story.tenant();
    for (job, what) in [(wrong, "go on there"), (kept, "go on"), (wrong, "or here")] {
        let keep = async || tenant.keep_task(job, what.as_bytes()).await;
        story.ask("a task is kept", keep).await.unwrap();
    }
    story
        .ask("tasks", async || tenant.tasks().await)
        .await
        .unwrap();
    for job in [kept, kept] {
        let drop = async || tenant.drop_task(job).await;
        story.ask("a task is dropped", drop).await.unwrap();
    }
    story
        .ask("tasks left", async || tenant.tasks().await)
        .await
        .unwrap();
}

async fn finish(story: &mut Story, kept: i64, wrong: i64) {
    let tenant = story.tenant();
    let done = async || tenant.finish_job(kept).await;
    let info = story.ask("finished", done).await.unwrap();
    story.say("it is done", &(info.state == JobState::Done));
    let finish = async || tenant.finish_job(77).await;
    story
        .ask("one that is not there", finish)
        .await
        .unwrap_err();
    let withdraw = async |job| tenant.withdraw_job(job, "ann", "by mistake").await;
    story
        .ask("withdrawn", async || withdraw(wrong).await)
        .await
        .unwrap();
    story
        .ask("withdrawn again", async || withdraw(wrong).await)
        .await
        .unwrap_err();
    story
        .ask("nothing withdrawn", async || withdraw(77).await)
        .await
        .unwrap_err();
    let raw = story.mails.get("imported").raw.clone();
    let items = || vec![prepared_at(&raw, vec![place(BOB, "Imported", 0, &[])])];
    let progress = || Progress {
        job: wrong,
        ..Progress::default()
    };
    let admit = async || tenant.admit(items(), Some(progress())).await;
    story.ask("more for a withdrawn job", admit).await.ok();
    story
        .ask("all jobs", async || tenant.jobs().await)
        .await
        .unwrap();
}
