//! What docker and skopeo push is what they pull, also when all that is left
//! of it is the tree on SFTP; and other registries can serve that tree.

use std::path::Path;
use std::process::Output;

use bytes::Bytes;
use refity_tests::checker::Report;
use refity_tests::client::sha256;
use refity_tests::docker::Docker;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::{ADMIN, GROUP, Lab, PASSWORD};
use refity_tests::peer::Peer;

#[tokio::test]
async fn docker_pushes_twenty_layers_and_pulls_them_from_sftp() {
    push_and_pull_with_docker(false).await;
}

#[tokio::test]
async fn docker_pushes_twenty_layers_in_step_with_sftp() {
    push_and_pull_with_docker(true).await;
}

async fn push_and_pull_with_docker(sync: bool) {
    let lab = Lab::builder().sync(sync).start().await;
    let docker = Docker::start().await;
    docker
        .login(lab.address(0), ADMIN, PASSWORD)
        .await
        .expect("a login");
    let image = Image::random(Format::Docker, 20, 40_000);
    let name = format!("{}/{GROUP}/deep/app:v1", lab.address(0));
    let second = name.replace(":v1", ":v2");
    docker.load(&image.docker_tarball(&name)).await.unwrap();
    docker.tag(&name, &second).await.unwrap();
    docker.push(&name).await.unwrap();
    docker.push(&second).await.unwrap();
    docker.rmi(&image.id()).await.unwrap();

    if sync {
        // Nothing to wait for: the last answer said that all is there.
        let tags = &lab.check().repositories[&format!("{GROUP}/deep/app")].tags;
        assert_eq!(tags.len(), 2, "{tags:?}");
    }
    let report = lab.assert_stored_whole().await;
    lab.stop_all().await;
    lab.empty_spool();
    assert_another_registry_serves(&lab, &report).await;

    lab.start_all().await;
    docker.pull(&name).await.unwrap();
    assert_eq!(docker.image_id(&name).await.unwrap(), image.id());
    docker.rmi(&image.id()).await.unwrap();
}

/// Debian's registry, on the folder that SFTP serves: every tag with its
/// digest, and every blob that its manifest names.
async fn assert_another_registry_serves(lab: &Lab, report: &Report) {
    let peer = Peer::start_read_only(&lab.tree()).await;
    let client = peer.client();
    for (repository, known) in &report.repositories {
        let listed = client.tags(repository).await.unwrap().expect_status(200);
        let listed = listed.json()["tags"].as_array().unwrap().len();
        assert_eq!(listed, known.tags.len(), "{repository}");
        for (tag, digest) in &known.tags {
            let answer = client.get_manifest(repository, tag).await.unwrap();
            let answer = answer.expect_status(200);
            assert_eq!(answer.digest(), Some(digest.as_str()));
            assert_eq!(sha256(&answer.body), *digest);
            let manifest = answer.json();
            let layers = manifest["layers"].as_array().unwrap();
            for blob in layers.iter().chain([&manifest["config"]]) {
                let digest = blob["digest"].as_str().unwrap();
                let answer = client.get_blob(repository, digest, None).await.unwrap();
                assert_eq!(sha256(&answer.expect_status(200).body), digest);
            }
        }
    }
}

#[tokio::test]
async fn an_oci_index_comes_back_byte_for_byte() {
    copy_an_index_there_and_back(Format::Oci).await;
}

#[tokio::test]
async fn a_docker_manifest_list_comes_back_byte_for_byte() {
    copy_an_index_there_and_back(Format::Docker).await;
}

async fn copy_an_index_there_and_back(format: Format) {
    let lab = Lab::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (there, back, cold) = (
        folder.path().join("there"),
        folder.path().join("back"),
        folder.path().join("cold"),
    );
    let index = Index::random(format, &["amd64", "arm64", "riscv64"], 3, 20_000);
    write_directory(&there, &index);
    let registry = format!("docker://{}/{GROUP}/multi:v1", lab.address(0));
    let directory = |path: &Path| format!("dir:{}", path.display());

    skopeo_copy(&directory(&there), &registry).await;
    skopeo_copy(&registry, &directory(&back)).await;
    assert_same_files(&there, &back);

    let (client, repository) = (lab.client(), format!("{GROUP}/multi"));
    let answer = client.get_manifest(&repository, "v1").await.unwrap();
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("content-type"), Some(index.media_type()));
    for image in &index.images {
        image
            .assert_pullable(&client, &repository, &image.digest())
            .await;
    }

    lab.assert_stored_whole().await;
    lab.stop_all().await;
    lab.empty_spool();
    lab.start_all().await;
    skopeo_copy(&registry, &directory(&cold)).await;
    assert_same_files(&there, &cold);
}

async fn skopeo_copy(from: &str, to: &str) {
    let credentials = format!("{ADMIN}:{PASSWORD}");
    let mut command = tokio::process::Command::new("skopeo");
    command.args([
        "copy",
        "--quiet",
        "--insecure-policy",
        "--all",
        "--preserve-digests",
    ]);
    if from.starts_with("docker:") {
        command.args(["--src-tls-verify=false", "--src-creds", &credentials]);
    }
    if to.starts_with("docker:") {
        command.args(["--dest-tls-verify=false", "--dest-creds", &credentials]);
    }
    let done = command.args([from, to]).kill_on_drop(true).output().await;
    assert_success(&done.expect("skopeo is installed"));
}

fn assert_success(done: &Output) {
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "skopeo: {complaint}");
}

/// An index in the form that skopeo calls `dir:`.
fn write_directory(folder: &Path, index: &Index) {
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, bytes: &Bytes| std::fs::write(folder.join(name), bytes).unwrap();
    let hex = |bytes: &Bytes| sha256(bytes)["sha256:".len()..].to_owned();
    write(
        "version",
        &Bytes::from_static(b"Directory Transport Version: 1.1\n"),
    );
    write("manifest.json", &index.manifest);
    for image in &index.images {
        write(
            &format!("{}.manifest.json", hex(&image.manifest)),
            &image.manifest,
        );
        for blob in image.blobs() {
            write(&hex(blob), blob);
        }
    }
}

fn assert_same_files(expected: &Path, found: &Path) {
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(expected), names(found));
    for name in names(expected) {
        let read = |folder: &Path| std::fs::read(folder.join(&name)).unwrap();
        assert!(read(expected) == read(found), "{} differs", name.display());
    }
}
