//! Files that wait.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("spool");
    let tenant = story.tenant();
    let bytes: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    let mut writer = tenant.spool().unwrap();
    writer.write_all(&bytes).unwrap();
    let spooled = writer.finish().unwrap();
    let name = spooled.name().to_owned();
    opened(story, &name, &bytes);
    drop(tenant);
    // Another start finds it by its name alone.
    super::opening::again(story).await;
    let tenant = story.tenant();
    opened(story, &name, &bytes);
    let mut writer = tenant.spool().unwrap();
    writer.write_all(&bytes).unwrap();
    story.answer("abandoned", &writer.abandon());
    let left = tenant.spool().unwrap().finish().unwrap();
    let left = left.name().to_owned();
    story.answer("cleared", &tenant.clear_spool(std::slice::from_ref(&name)));
    story.code("what was not kept", &tenant.spooled(&left).map(drop));
    story.code("what was", &tenant.spooled(&name).map(drop));
    story.code("no name", &tenant.spooled("../../etc/passwd").map(drop));
    story.answer("removed", &tenant.spooled(&name).unwrap().remove());
    story.code("then", &tenant.spooled(&name).map(drop));
}

fn opened(story: &mut Story, name: &str, bytes: &[u8]) {
    story.chapter("spool");
    let tenant = story.tenant();
    let spooled = tenant.spooled(name).unwrap();
    story.say("its length", &spooled.length().unwrap());
    let mut reader = spooled.open().unwrap();
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    reader.seek(SeekFrom::End(-7)).unwrap();
    let mut end = Vec::new();
    reader.read_to_end(&mut end).unwrap();
    story.say("read back", &(read == bytes, end));
}
