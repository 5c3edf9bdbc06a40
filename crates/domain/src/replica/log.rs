//! What the server is owed: read off a row and its base, so that the log can never say something else than they do.

use super::state::{Folder, Message, Remote, RemoteId, Task};

impl Task {
    /// Every task.
    pub const ALL: [Task; 7] = [
        Task::Create,
        Task::Rename,
        Task::Subscribe,
        Task::Append,
        Task::Move,
        Task::Flags,
        Task::Delete,
    ];
}

/// What is owed about a folder.
pub(super) fn folder_debts(folder: &Folder, remote: Option<&Remote>) -> Vec<Task> {
    let Some(remote) = remote.filter(|remote| remote.is_sure) else {
        return vec![Task::Create];
    };
    let mut debts = Vec::new();
    if remote.name != folder.name {
        debts.push(Task::Rename);
    }
    if remote.subscribed != folder.subscribed {
        debts.push(Task::Subscribe);
    }
    debts
}

/// What is owed about a folder of the server.
pub(super) fn remote_debts(remote: &Remote) -> Vec<Task> {
    match remote.folder {
        Some(_) => Vec::new(),
        None => vec![Task::Delete],
    }
}

/// What is owed about a message. `wanted` is what the folder in which clients see it is on the server.
pub(super) fn message_debts<K>(message: &Message<K>, wanted: Option<RemoteId>) -> Vec<Task> {
    if message.awaited {
        return Vec::new();
    }
    match (&message.here, &message.base) {
        (None, _) => vec![Task::Delete],
        (Some(_), None) => vec![Task::Append],
        (Some(seat), Some(base)) => {
            let mut debts = Vec::new();
            if wanted != Some(base.remote) {
                debts.push(Task::Move);
            }
            if seat.flags != base.flags {
                debts.push(Task::Flags);
            }
            debts
        }
    }
}
