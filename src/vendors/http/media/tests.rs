//! Tests against hosts on this machine. The real rules refuse those hosts, so tests of other behaviour loosen the
//! rules.

use super::*;
use crate::vendors::http::scripted::{self, Reply, Scripted};

async fn fetch(url: &Url, path: &str) -> Result<Media, String> {
    let client = MediaClient::with_rules(THIS_MACHINE, MEDIA_TIMEOUT).unwrap();
    client.fetch(url.join(path).unwrap().as_str(), None).await.map_err(|refused| refused.why)
}

#[tokio::test]
async fn a_picture_is_fetched_without_any_credential() {
    let server = Scripted::answers(vec![Reply::bytes(200, "image/jpeg; x=y", b"\xff\xd8jpeg".to_vec())]).await;
    let media = fetch(&server.url, "/MM1.exe").await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((media.file_name.as_str(), media.content_type.as_str()), ("MM1.jpg", "image/jpeg"));
    assert_eq!(media.bytes, b"\xff\xd8jpeg"[..]);
    let headers = &server.seen()[0].headers;
    assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"), "{headers:?}");
}

#[tokio::test]
async fn what_is_not_a_whole_harmless_file_is_refused() {
    let cases = [
        (Reply::text(302, "").header("location", "http://169.254.169.254/"), "its host answered 302"),
        (Reply::text(404, ""), "its host answered 404"),
        (Reply::bytes(200, "text/html", b"<html>".to_vec()), "it is of another kind"),
        (Reply::bytes(200, "image/svg+xml", b"<svg>".to_vec()), "it is of another kind"),
        (Reply::text(200, "no type"), "it is of another kind"),
        (Reply::bytes(200, "image/png", Vec::new()), "it is empty"),
        (Reply::bytes(200, "image/png", vec![0; MEDIA_BYTES_MAX + 1]), "it is larger than 5 MiB"),
    ];
    for (reply, why) in cases {
        let server = Scripted::answers(vec![reply]).await;
        assert_eq!(fetch(&server.url, "/x").await.err().as_deref(), Some(why));
        assert_eq!(server.seen().len(), 1, "no redirect is followed");
    }
    let largest = Scripted::answers(vec![Reply::bytes(200, "image/png", vec![0; MEDIA_BYTES_MAX])]).await;
    assert!(fetch(&largest.url, "/x").await.is_ok());
}

#[tokio::test]
async fn a_length_that_lies_or_is_missing_does_not_help() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\n".to_vec();
    let endless = [head, vec![0; MEDIA_BYTES_MAX + 1]].concat();
    let url = scripted::raw(endless).await;
    assert_eq!(fetch(&url, "/x").await.err().as_deref(), Some("it is larger than 5 MiB"));
    let short = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 90\r\n\r\nhalf".to_vec();
    let url = scripted::raw(short).await;
    assert_eq!(fetch(&url, "/x").await.err().as_deref(), Some("its host did not send it whole"));
}

#[tokio::test]
async fn a_host_that_never_answers_is_left() {
    let client = MediaClient::with_rules(THIS_MACHINE, Duration::from_millis(50)).unwrap();
    let refused = client.fetch(scripted::silent().await.as_str(), None).await.err().map(|refused| refused.why);
    assert_eq!(refused.as_deref(), Some("its host took too long"));
}

#[tokio::test]
async fn an_address_that_shows_its_danger_is_refused_before_anything_is_sent() {
    let not_public = "its host is not on the public internet";
    let cases = [
        ("http://cdn.example/a.jpg", "its address is not https"),
        ("file:///etc/passwd", "its address is not https"),
        ("ftp://cdn.example/a", "its address is not https"),
        ("https://user:pw@cdn.example/a", "its address holds a credential"),
        ("https://user@cdn.example/a", "its address holds a credential"),
        ("https://cdn.example:8443/a", "its address has an unusual port"),
        ("https://cdn.example:80/a", "its address has an unusual port"),
        ("not an address", "its address cannot be read"),
        ("https://", "its address cannot be read"),
        ("", "its address cannot be read"),
        ("https://127.0.0.1/a", not_public),
        ("https://127.1/a", not_public),
        ("https://2130706433/a", not_public),
        ("https://0x7f.0.0.1/a", not_public),
        ("https://0177.0.0.1/a", not_public),
        ("https://169.254.169.254/latest/meta-data", not_public),
        ("https://[::1]/a", not_public),
        ("https://[::ffff:10.0.0.1]/a", not_public),
        ("https://[64:ff9b::7f00:1]/a", not_public),
        ("https://[fd00:ec2::254]/a", not_public),
        ("https://１２７.0.0.1/a", not_public),
    ];
    let client = MediaClient::new().unwrap();
    for (url, why) in cases {
        assert_eq!(client.fetch(url, None).await.err().map(|refused| refused.why).as_deref(), Some(why), "{url}");
    }
    assert!(PUBLIC.check("https://cdn.example:443/a").is_ok(), "443 is what https means anyway");
    assert!(PUBLIC.check("https://8.8.8.8/a").is_ok());
}

#[tokio::test]
async fn a_name_that_leads_here_is_refused_when_it_is_looked_up() {
    // The rules of production but for the scheme, so that a connection would succeed if it were made.
    let server = Scripted::answers(vec![Reply::bytes(200, "image/png", vec![1])]).await;
    let port = server.url.port().unwrap();
    let url = format!("http://localhost:{port}/a");
    let strict = Rules { https_only: false, ..PUBLIC };
    let client = MediaClient::with_rules(strict, MEDIA_TIMEOUT).unwrap();
    let refused = client.fetch(&url, None).await.err().map(|refused| refused.why);
    assert_eq!(refused.as_deref(), Some("its host is not on the public internet"));
    assert!(server.seen().is_empty());
    // The same name is reached where the rule allows it, so the refusal came from the rule.
    let client = MediaClient::with_rules(THIS_MACHINE, MEDIA_TIMEOUT).unwrap();
    assert!(client.fetch(&url, None).await.is_ok());
}

#[tokio::test]
async fn the_client_for_this_machine_reaches_no_other() {
    let client = MediaClient::of_this_machine().unwrap();
    for url in ["https://8.8.8.8/a", "http://10.0.0.1/a", "http://169.254.169.254/a", "http://[::ffff:8.8.8.8]/a"] {
        assert!(client.fetch(url, None).await.is_err_and(|refused| refused.why.contains("not on")), "{url}");
    }
}
