//! Who may do what at every route of `/v2` and `/api`.

use std::collections::{BTreeMap, BTreeSet};

use refity_gateway::route::{API_PAGES, REGISTRY_ROUTES};
use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use reqwest::Method;

use super::principals::{APP, Scene};
use super::requests;

const TABLE: &str = include_str!("table.txt");

/// A method and a path.
type Route = (String, String);

/// The principals' names, and the status that each of them gets at each route.
fn table() -> (Vec<&'static str>, Vec<(Route, Vec<u16>)>) {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut lines = lines.filter(|line| !line.trim().is_empty());
    let principals: Vec<_> = lines.next().expect("a head").split_whitespace().collect();
    let mut rows = Vec::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        let route = (word(), word());
        let statuses: Vec<u16> = words.map(|it| it.parse().expect("a status")).collect();
        assert_eq!(statuses.len(), principals.len(), "{line}");
        rows.push((route, statuses));
    }
    (principals, rows)
}

/// Every route that there is: those of the registry and the pages from the
/// lists that the router reads, those of the API from its description, which
/// is the router's (a test of the gateway compares them).
async fn routes(scene: &Scene) -> BTreeSet<Route> {
    let route = |method: &str, path: &str| (method.to_owned(), path.to_owned());
    let mut routes = BTreeSet::new();
    for each in REGISTRY_ROUTES {
        let methods = each.methods.split(", ");
        routes.extend(methods.map(|method| route(method, each.path)));
    }
    routes.extend(API_PAGES.map(|page| route("GET", page)));
    let description = scene.admin.get("/api/openapi.json").await.gives(200).json();
    for (path, item) in description["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("operations").keys();
        routes.extend(methods.map(|method| route(&method.to_uppercase(), path)));
    }
    routes
}

#[tokio::test]
async fn each_person_may_do_at_each_route_what_the_table_says() {
    let scene = Scene::start().await;
    let (principals, rows) = table();
    let asked: Vec<&str> = scene
        .principals
        .iter()
        .map(|principal| principal.name)
        .collect();
    assert_eq!(principals, asked);
    let listed: BTreeSet<Route> = rows.iter().map(|(route, _)| route.clone()).collect();
    assert_eq!(listed.len(), rows.len(), "a route has two rows");
    let routes = routes(&scene).await;
    let missing: Vec<_> = routes.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "give them a row in table.txt: {missing:?}"
    );
    let gone: Vec<_> = listed.difference(&routes).collect();
    assert!(gone.is_empty(), "table.txt has rows of no route: {gone:?}");

    let mut wrong = BTreeMap::new();
    for ((method, path), expected) in &rows {
        let mut found = Vec::new();
        for principal in &scene.principals {
            let answer = requests::ask(&scene, principal, method, path).await;
            found.push(answer.status);
        }
        if found != *expected {
            let principals = principals.iter().zip(expected.iter().zip(&found));
            let differ = principals.filter(|(_, (expected, found))| expected != found);
            let words = differ.map(|(principal, (expected, found))| {
                format!("{principal} got {found} where the table says {expected}")
            });
            wrong.insert((method, path), words.collect::<Vec<_>>());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_method_that_a_route_does_not_list_is_refused() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let digest = client
        .push_blob(APP, (&b"x"[..]).into())
        .await
        .expect("a push");
    for route in REGISTRY_ROUTES {
        let path = route.path.replace("{name}", APP);
        let path = path.replace("{digest}", &digest);
        let path = path.replace("{reference}", "v1");
        let path = path.replace("{id}", "5f2b6c1e-6f5c-4a0e-9d53-0f6f1f1f2a77");
        let listed: Vec<&str> = route.methods.split(", ").collect();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = client
                .bare(method.parse::<Method>().expect("a method"), &path)
                .await;
            let answer = answer.expect("an answer");
            let refused = answer.status == 405;
            assert_eq!(
                refused,
                !listed.contains(&method),
                "{method} {path}: {answer:?}"
            );
            if refused {
                assert_eq!(
                    answer.header("allow"),
                    Some(route.methods),
                    "{method} {path}"
                );
            }
        }
    }
}
