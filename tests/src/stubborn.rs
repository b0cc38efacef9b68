//! A client that tries again as docker does, until what it pushes is
//! acknowledged.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::client::{Answer, Client, Sent, sha256};
use crate::image::Image;

/// How long one push may take in all. Generous: much may be dead for a while.
const LIMIT: Duration = Duration::from_secs(120);

/// Between two tries.
const REST: Duration = Duration::from_millis(100);

/// What to do after an answer.
enum Next {
    Done,
    Again,
    /// The session is gone: the blob is begun anew.
    Anew,
}

/// Pushes to any of several gateways, whatever becomes of them meanwhile.
#[derive(Clone, Debug)]
pub struct Stubborn {
    clients: Vec<Client>,
    turn: usize,
    chunk: Option<usize>,
    deadline: Instant,
}

impl Stubborn {
    /// A client of these gateways; with each failure it goes to the next.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn new(clients: Vec<Client>) -> Self {
        assert!(!clients.is_empty(), "a client of nobody");
        Self {
            clients,
            turn: 0,
            chunk: None,
            deadline: Instant::now() + LIMIT,
        }
    }

    /// This client, sending blobs in chunks of so many bytes.
    #[must_use]
    pub fn chunked(self, chunk: usize) -> Self {
        Self {
            chunk: Some(chunk),
            ..self
        }
    }

    /// Pushes an image under a tag, and returns when all of it is
    /// acknowledged. Blobs that a HEAD finds are not sent.
    ///
    /// # Panics
    /// When the registry refuses what it should take, or for too long.
    pub async fn push(&mut self, image: &Image, repository: &str, tag: &str) {
        self.deadline = Instant::now() + LIMIT;
        for blob in image.blobs() {
            if !self.has_blob(repository, blob).await {
                self.push_blob(repository, blob).await;
            }
        }
        self.put_manifest(image, repository, tag).await;
    }

    /// Points a tag at an image that is there already.
    ///
    /// # Panics
    /// As [`Stubborn::push`].
    pub async fn put_manifest(&mut self, image: &Image, repository: &str, tag: &str) {
        self.deadline = Instant::now() + LIMIT;
        loop {
            let manifest = image.manifest.clone();
            let client = self.client();
            let sent = client.put_manifest(repository, tag, image.media_type(), manifest);
            if let Next::Done = self.judge(sent.await, &[201], "a manifest").await {
                return;
            }
        }
    }

    async fn has_blob(&mut self, repository: &str, blob: &Bytes) -> bool {
        let digest = sha256(blob);
        loop {
            match self.client().head_blob(repository, &digest).await {
                Ok(answer) if answer.status == 200 => return true,
                Ok(answer) if answer.status == 404 => return false,
                sent => {
                    self.judge(sent, &[], "a HEAD").await;
                }
            }
        }
    }

    /// Pushes one blob until it is acknowledged.
    ///
    /// # Panics
    /// As [`Stubborn::push`].
    pub async fn push_blob(&mut self, repository: &str, blob: &Bytes) {
        while !self.try_blob(repository, blob).await {}
    }

    /// One session; false where it has to be begun anew.
    async fn try_blob(&mut self, repository: &str, blob: &Bytes) -> bool {
        let sent = self.client().start_upload(repository).await;
        let Ok(answer) = &sent else {
            self.judge(sent, &[], "a POST").await;
            return false;
        };
        if answer.status != 202 {
            self.judge(sent, &[], "a POST").await;
            return false;
        }
        let session = path_of(answer);
        let Some(rest) = self.send_chunks(&session, blob).await else {
            return false;
        };
        let digest = sha256(blob);
        loop {
            let sent = self.client().finish(&session, &digest, rest.clone()).await;
            let lost = sent.as_ref().map_or(true, |answer| answer.status >= 500);
            match self.judge(sent, &[201], "a PUT").await {
                Next::Done => return true,
                // The body may have come or not: only an empty one, or one
                // that ended the session, can be repeated.
                Next::Again if rest.is_empty() => {}
                Next::Again if lost => return self.committed(&session, &digest).await,
                _ => return false,
            }
        }
    }

    /// Repeats a PUT whose answer was lost, with an empty body: 201 where the
    /// first one had got through.
    async fn committed(&mut self, session: &str, digest: &str) -> bool {
        let sent = self.client().finish(session, digest, Bytes::new()).await;
        match sent {
            Ok(answer) if answer.status == 201 => true,
            // The bytes had not come: the session ended with a wrong digest.
            Ok(answer) if answer.status == 400 => false,
            sent => {
                self.judge(sent, &[], "a repeated PUT").await;
                false
            }
        }
    }

    /// Sends the blob by PATCHes, where that is the way; what is left goes
    /// with the PUT. None where the session is gone.
    async fn send_chunks(&mut self, session: &str, blob: &Bytes) -> Option<Bytes> {
        let Some(chunk) = self.chunk else {
            return Some(blob.clone());
        };
        let mut start = 0;
        while start < blob.len() {
            let end = blob.len().min(start + chunk);
            let range = format!("{start}-{}", end - 1);
            let bytes = blob.slice(start..end);
            let sent = self.client().patch(session, bytes, Some(&range)).await;
            match self.judge(sent, &[202], "a PATCH").await {
                Next::Done => start = end,
                Next::Again => start = self.received(session).await?,
                Next::Anew => return None,
            }
        }
        Some(Bytes::new())
    }

    /// How much of an upload has come.
    async fn received(&mut self, session: &str) -> Option<usize> {
        loop {
            let sent = self.client().upload_status(session).await;
            if let Ok(answer) = &sent
                && answer.status == 204
            {
                let range = answer.header("range").expect("a Range").to_owned();
                let last: usize = range
                    .rsplit('-')
                    .next()
                    .and_then(|last| last.parse().ok())
                    .expect("0-<last byte>");
                // An empty upload is told as 0-0 too: one byte more or less
                // shows when the next chunk is refused.
                return Some(if last == 0 { 0 } else { last + 1 });
            }
            if let Next::Anew = self.judge(sent, &[], "a status").await {
                return None;
            }
        }
    }

    /// Whether the answer is that of success; else rests, and turns to the
    /// next gateway.
    async fn judge(&mut self, sent: Sent, success: &[u16], what: &str) -> Next {
        let next = match &sent {
            Ok(answer) if success.contains(&answer.status) => return Next::Done,
            Ok(answer) if answer.status == 404 => Next::Anew,
            // Where the first of two tries had come through after all.
            Ok(answer) if answer.status == 416 => Next::Again,
            Ok(answer) if answer.status >= 500 => Next::Again,
            Ok(answer) => panic!("{what} is refused: {answer:?}"),
            Err(_) => Next::Again,
        };
        assert!(
            Instant::now() < self.deadline,
            "{what} still fails after {LIMIT:?}: {sent:?}"
        );
        self.turn += 1;
        tokio::time::sleep(REST).await;
        next
    }

    fn client(&self) -> Client {
        self.clients[self.turn % self.clients.len()].clone()
    }
}

/// The path of a session: any gateway knows it.
fn path_of(answer: &Answer) -> String {
    let location = answer.location();
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
        None => location,
    }
}
