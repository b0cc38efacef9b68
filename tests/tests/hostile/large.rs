//! Manifests as large as they may be: nested, and with very many entries.

use bytes::Bytes;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, descriptor};
use refity_tests::lab::Lab;
use serde_json::{Value, json};

use super::{APP, assert_serves_others, assert_small};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The most bytes of a manifest.
const LARGEST: usize = 4 << 20;

/// An index of these, with as many bytes as it may have.
fn padded(entries: &[Value]) -> Bytes {
    let index = |padding: usize| {
        let annotations = json!({ "padding": "x".repeat(padding) });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": entries,
            "annotations": annotations,
        });
        Bytes::from(index.to_string())
    };
    let index = index(LARGEST - index(0).len());
    assert_eq!(index.len(), LARGEST);
    index
}

#[tokio::test]
async fn indexes_of_four_mebibytes_nest_ten_deep() {
    let lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 1000);
    image.push(&client, APP, &image.digest()).await.unwrap();
    let mut indexes = Vec::new();
    let mut inner = descriptor(image.media_type(), &image.manifest);
    for _ in 0..10 {
        let index = padded(&[inner]);
        let digest = sha256(&index);
        let put = client.put_manifest(APP, &digest, INDEX, index.clone());
        put.await.gives(201);
        inner = descriptor(INDEX, &index);
        indexes.push((digest, index));
    }
    let (_, outermost) = indexes.last().unwrap();
    let put = client.put_manifest(APP, "nested", INDEX, outermost.clone());
    put.await.gives(201);
    assert_serves_others(&lab).await;
    for (digest, index) in &indexes {
        let pulled = client.get_manifest(APP, digest).await.gives(200);
        assert!(pulled.body == *index, "{digest}");
    }
    let mut larger = indexes[0].1.to_vec();
    larger.push(b' ');
    let put = client.put_manifest(APP, "larger", INDEX, larger).await;
    put.refuses(413, "MANIFEST_INVALID");
    assert_small(&lab);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn an_index_of_ten_thousand_entries_comes_back_byte_for_byte() {
    const IMAGES: usize = 100;
    let lab = Lab::start().await;
    let client = lab.client();
    let mut entries = Vec::new();
    for _ in 0..IMAGES {
        let image = Image::of_layers("amd64", Format::Oci, vec![refity_tests::random::bytes(50)]);
        image.push(&client, APP, &image.digest()).await.unwrap();
        entries.push(descriptor(image.media_type(), &image.manifest));
    }
    let entries = (0..10_000).map(|n| {
        let mut entry = entries[n % IMAGES].clone();
        entry["annotations"] = json!({ "n": n.to_string() });
        entry
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": entries.collect::<Vec<_>>(),
    });
    let index = Bytes::from(index.to_string());
    assert!(index.len() > 1 << 20);
    let put = client.put_manifest(APP, "many", INDEX, index.clone()).await;
    put.gives(201);
    let pulled = client.get_manifest(APP, "many").await.gives(200);
    assert!(pulled.body == index, "other bytes");
    assert_eq!(pulled.digest(), Some(&*sha256(&index)));
    assert_small(&lab);
    lab.assert_stored_whole().await;
}
