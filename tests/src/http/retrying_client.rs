//! A client that retries as docker does, until its push is acknowledged.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::client::{Answer, Client, Sent, sha256};
use crate::image::Image;

/// The limit for one push. Generous: processes may be down for a while.
const LIMIT: Duration = Duration::from_secs(120);

/// Delay between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The next step after an answer.
enum Next {
    Done,
    Again,
    /// The session does not exist any more: start the blob again.
    Anew,
}

/// Pushes to any of several gateways, which may be killed meanwhile.
#[derive(Clone, Debug)]
pub struct RetryingClient {
    clients: Vec<Client>,
    turn: usize,
    chunk: Option<usize>,
    deadline: Instant,
}

impl RetryingClient {
    /// Returns a client of these gateways; each failure switches to the next one.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn new(clients: Vec<Client>) -> Self {
        assert!(!clients.is_empty(), "no gateways");
        Self {
            clients,
            turn: 0,
            chunk: None,
            deadline: Instant::now() + LIMIT,
        }
    }

    /// Sends blobs in chunks of this many bytes.
    #[must_use]
    pub fn chunked(self, chunk: usize) -> Self {
        Self {
            chunk: Some(chunk),
            ..self
        }
    }

    /// Pushes an image under a tag until all of it is acknowledged. Skips blobs
    /// that a HEAD finds.
    ///
    /// # Panics
    /// If the registry refuses a valid request, or fails for too long.
    pub async fn push(&mut self, image: &Image, repository: &str, tag: &str) {
        self.deadline = Instant::now() + LIMIT;
        for blob in image.blobs() {
            if !self.has_blob(repository, blob).await {
                self.push_blob(repository, blob).await;
            }
        }
        self.put_manifest(image, repository, tag).await;
    }

    /// Points a tag at an image that is already pushed.
    ///
    /// # Panics
    /// As [`RetryingClient::push`].
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
    /// As [`RetryingClient::push`].
    pub async fn push_blob(&mut self, repository: &str, blob: &Bytes) {
        while !self.try_blob(repository, blob).await {}
    }

    /// Runs one upload session; returns false if the blob must be started again.
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
                // The body may have arrived or not: only an empty one, or one that
                // ended the session, can be repeated.
                Next::Again if rest.is_empty() => {}
                Next::Again if lost => return self.committed(&session, &digest).await,
                _ => return false,
            }
        }
    }

    /// Repeats a PUT whose answer was lost, with an empty body: 201 if the first
    /// one arrived.
    async fn committed(&mut self, session: &str, digest: &str) -> bool {
        let sent = self.client().finish(session, digest, Bytes::new()).await;
        match sent {
            Ok(answer) if answer.status == 201 => true,
            // The bytes had not arrived: the session ended with a wrong digest.
            Ok(answer) if answer.status == 400 => false,
            sent => {
                self.judge(sent, &[], "a repeated PUT").await;
                false
            }
        }
    }

    /// Sends the blob in PATCH requests if chunked; returns the rest for the PUT.
    /// `None` if the session does not exist any more.
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

    /// How many bytes of an upload have arrived.
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
                // An empty upload is reported as 0-0 too; a wrong guess shows when
                // the next chunk is refused.
                return Some(if last == 0 { 0 } else { last + 1 });
            }
            if let Next::Anew = self.judge(sent, &[], "a status").await {
                return None;
            }
        }
    }

    /// Decides what follows an answer; after a failure waits and switches to the
    /// next gateway.
    async fn judge(&mut self, sent: Sent, success: &[u16], what: &str) -> Next {
        let next = match &sent {
            Ok(answer) if success.contains(&answer.status) => return Next::Done,
            Ok(answer) if answer.status == 404 => Next::Anew,
            // The first of two attempts arrived after all.
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
        tokio::time::sleep(RETRY_DELAY).await;
        next
    }

    fn client(&self) -> Client {
        self.clients[self.turn % self.clients.len()].clone()
    }
}

/// The path of a session, valid at any gateway.
fn path_of(answer: &Answer) -> String {
    let location = answer.location();
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
        None => location,
    }
}
