//! News of the user's file of permissions, as soon as the system has them (`inotify`(7)): nobody has to look from time to
//! time whether one was taken back.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::net::unix::pipe::Receiver;

use super::GrantBook;

/// How often the file is looked at where the system does not tell.
const LOOK: Duration = Duration::from_millis(400);

/// Has the book look into its file whenever that may have changed. Never returns.
pub async fn follow(book: Arc<GrantBook>) {
    loop {
        if let Err(error) = listen(&book).await {
            tracing::debug!(%error, "changes of permissions are not told");
            book.look();
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Listens at the file's folder, or the nearest above it that is there; returns when that is another.
async fn listen(book: &GrantBook) -> io::Result<()> {
    let folder = nearest(book.file())?;
    let known = inode(folder)?;
    // The runtime need not know what it is: it is read from.
    let watch = Receiver::from_file_unchecked(File::from(watch(folder)?))?;
    loop {
        // After the watch began, so that nothing is between the two.
        book.look();
        if nearest(book.file())? != folder || inode(folder)? != known {
            return Ok(());
        }
        watch.readable().await?;
        // Another folder in its place may have its number too.
        if is_gone(&watch)? {
            return Ok(());
        }
    }
}

fn nearest(file: &Path) -> io::Result<&Path> {
    let mut above = file.ancestors().skip(1);
    above
        .find(|folder| folder.is_dir())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn inode(folder: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(folder)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn watch(folder: &Path) -> io::Result<OwnedFd> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let content = WatchFlags::CLOSE_WRITE | WatchFlags::MODIFY | WatchFlags::ATTRIB;
    let names = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
    let itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    inotify::add_watch(&watch, folder, content | names | itself)?;
    Ok(watch)
}

/// Reads what there is: whether the folder itself is gone, or the watch on it. What else it was does not matter: the file is
/// looked at.
fn is_gone(watch: &Receiver) -> io::Result<bool> {
    const GONE: ReadFlags = ReadFlags::DELETE_SELF
        .union(ReadFlags::MOVE_SELF)
        .union(ReadFlags::IGNORED);
    let mut gone = false;
    // Whole events: the kernel gives no half of one.
    let mut buffer = [0u8; 4096];
    loop {
        match watch.try_read(&mut buffer) {
            Ok(length) => gone |= masks(&buffer[..length]).any(|mask| mask.intersects(GONE)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(gone),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What happened, of each event (`struct inotify_event`: descriptor, mask, cookie, the name's length, the name).
fn masks(mut events: &[u8]) -> impl Iterator<Item = ReadFlags> {
    std::iter::from_fn(move || {
        let (head, rest) = events.split_first_chunk::<16>()?;
        let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let name = usize::try_from(word(12)).unwrap_or(usize::MAX);
        events = rest.get(name..).unwrap_or_default();
        Some(ReadFlags::from_bits_retain(word(4)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::OriginRules;
    use crate::policy::origin::Schemes;

    /// Waits for the next news after something was done.
    async fn told(changes: &mut tokio::sync::watch::Receiver<u64>, done: impl FnOnce()) {
        changes.mark_unchanged();
        done();
        let heard = tokio::time::timeout(Duration::from_secs(20), changes.changed()).await;
        heard.expect("news in time").unwrap();
    }

    #[tokio::test]
    async fn a_file_is_followed_wherever_its_folder_comes_from_and_goes() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("config/trien");
        let file = folder.join("origins.toml");
        let book = Arc::new(GrantBook::new(
            file.clone(),
            OriginRules::default(),
            Schemes::Https,
        ));
        let mut changes = book.changes();
        let following = tokio::spawn(follow(book));
        for text in ["", "# anew\n"] {
            told(&mut changes, || {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, text).unwrap();
            })
            .await;
            // As an editor does it, and as we do.
            told(&mut changes, || {
                std::fs::write(&file, "# a\n# longer one\n").unwrap()
            })
            .await;
            let part = folder.join("part");
            std::fs::write(&part, "# another\n").unwrap();
            told(&mut changes, || std::fs::rename(&part, &file).unwrap()).await;
            told(&mut changes, || std::fs::remove_file(&file).unwrap()).await;
            std::fs::remove_dir_all(above.path().join("config")).unwrap();
        }
        following.abort();
    }
}
