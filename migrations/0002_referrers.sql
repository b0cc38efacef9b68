-- Manifests with a subject. The subject need not be here, so its digest is.
CREATE TABLE referrers (
    manifest_id   INTEGER PRIMARY KEY REFERENCES manifests (blob_id) ON DELETE CASCADE,
    subject       TEXT NOT NULL,
    artifact_type TEXT,
    annotations   TEXT NOT NULL -- the manifest's, as JSON
) STRICT;
CREATE INDEX referrers_of_subject ON referrers (subject, manifest_id);
