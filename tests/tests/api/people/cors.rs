//! Pages of other origins: those that are listed, and never with cookies.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, send};
use refity_tests::expect::Expect as _;
use reqwest::Method;

use super::anonymous;

const LISTED: &str = "https://tools.example.org";

#[tokio::test]
async fn listed_origins_may_use_the_api_with_a_token() {
    let lab = TestApp::builder().env("CORS_ORIGINS", LISTED).start().await;
    let client = lab.client();
    let preflight = async |origin: &str, path: &str| -> Answer {
        let request = anonymous(&client).request(Method::OPTIONS, path);
        let request = request
            .header("origin", origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization");
        send(request).await.unwrap()
    };
    for path in ["/api/groups", "/api/users/bob"] {
        let allowed = preflight(LISTED, path).await.expect_status(204);
        assert_eq!(allowed.header("access-control-allow-origin"), Some(LISTED));
        let methods = allowed.header("access-control-allow-methods").unwrap();
        assert!(methods.contains("DELETE"), "{methods}");
        let headers = allowed.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("Authorization"), "{headers}");
        assert_eq!(allowed.header("access-control-allow-credentials"), None);
    }
    for origin in [
        "https://evil.example",
        "https://tools.example.org.evil.example",
        "null",
    ] {
        let refused = preflight(origin, "/api/groups").await;
        assert_eq!(
            refused.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
        assert_eq!(refused.header("vary"), Some("Origin"));
    }
    // Answers and refusals alike can be read by the page.
    for (client, status) in [(client.clone(), 200), (anonymous(&client), 401)] {
        let request = client
            .request(Method::GET, "/api/groups")
            .header("origin", LISTED);
        let answer = send(request).await.gives(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(LISTED));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let registry = client.request(Method::GET, "/v2/").header("origin", LISTED);
    let answer = send(registry).await.gives(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn without_a_list_nothing_is_said_to_other_origins() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let request = client
        .request(Method::GET, "/api/groups")
        .header("origin", LISTED);
    let answer = send(request).await.gives(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), None);
}
