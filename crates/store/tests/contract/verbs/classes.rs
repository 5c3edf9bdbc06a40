//! Storage classes: all mail moves to a folder beside the archive.

use everpost_store::{ClassFile, now_us};

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("storage classes");
    let tenant = story.tenant();
    let shelf = story.place.beside("shelf");
    let text = format!(
        "[volume.shelf]\naddress = \"file://{}\"\n[[class]]\nname = \"old\"\nvolume = \"shelf\"\ncompression = \"zstd-9\"\n",
        shelf.display()
    );
    story.code("no definition", &ClassFile::parse("[[class]]"));
    let mut file = ClassFile::parse(&text).unwrap();
    story.say("it is well formed", &file.complaints());
    file.classes[0].copies = 3;
    story
        .ask("it asks for too much", async || {
            tenant.check_classes(&file).await
        })
        .await
        .unwrap();
    let refused = story
        .done(async || tenant.set_classes(&file, "ann").await)
        .await;
    story.answer("and is refused", &refused);
    file.classes[0].copies = 1;
    story
        .ask("set", async || tenant.set_classes(&file, "ann").await)
        .await
        .unwrap();
    let kept = story.done(async || tenant.class_file().await).await;
    story.answer("kept", &kept.map(|kept| kept.to_toml()));
    totals(story, "before").await;
    let planned = story
        .done(async || tenant.move_classes(now_us(), true, |_| ()).await)
        .await;
    story.answer("what would move", &planned);
    let moved = story
        .until(
            async || tenant.move_classes(now_us(), false, |_| ()).await,
            |report| !report.bad.is_empty(),
        )
        .await;
    // A run that goes on where another was cut off has less to do.
    story.answer("moved", &moved.map(|report| report.bad));
    story
        .ask("nothing is left to do", async || {
            tenant.move_classes(now_us(), false, |_| ()).await
        })
        .await
        .unwrap();
    totals(story, "after").await;
}

async fn totals(story: &mut Story, when: &str) {
    let tenant = story.tenant();
    let classes = story.done(async || tenant.classes().await).await;
    let classes = classes.map(|classes| {
        let told = classes
            .into_iter()
            .map(|info| (info.name, info.copies, info.bytes, info.packs > 0));
        told.collect::<Vec<_>>()
    });
    story.answer(when, &classes);
}
