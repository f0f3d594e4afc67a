//! The schemes on their own; the shipped packs are proven by samples of the vendors' own clients.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::intake::signature::hmac;
use crate::vendors::pack::plan::Plan;

const SECRET: &str = "shared";
const BODY: &[u8] = br#"{"id":"m1"}"#;

fn now() -> Timestamp {
    Timestamp::from_second(1_796_030_102).unwrap()
}

/// The terms of a pack with this signature.
fn terms(signature: &str) -> Arc<Terms> {
    let text = include_str!("../shelf/acme.toml");
    let (before, rest) = text.split_once("# SIGNATURE\n").unwrap();
    let (_, behind) = rest.split_once("# END\n").unwrap();
    let before = before.replace("[account]\n", "[account]\nwebhook_url = \"the address of the webhook\"\n");
    let plan = Plan::parse("acme.toml", &format!("{before}{signature}\n{behind}"));
    let plan = Arc::new(plan.unwrap_or_else(|flaw| panic!("{flaw:?}")));
    let secrets = ["other", SECRET].map(SecretString::from).to_vec();
    Arc::new(Terms { plan, secrets, tolerance: Duration::from_secs(300), webhook_url: None })
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&str, &str)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    pairs.iter().map(pair).collect()
}

fn verify(terms: &Arc<Terms>, pairs: &[(&str, &str)], body: &[u8]) -> Result<(), Refusal> {
    match admit(&headers(pairs), terms)? {
        Credential::Token(_) => Ok(()),
        Credential::Seal(seal) => seal.verify(body, now()).map(drop),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const HMAC: &str = r#"scheme = "hmac"
header = "X-Signature"
before = "sha256="
signed = "{body}.{nonce}.{timestamp}"
timestamp = "X-Time"
nonce = "X-Nonce""#;

#[test]
fn an_hmac_covers_the_body_the_nonce_and_the_time_and_grows_old() {
    let terms = terms(HMAC);
    let signed = |body: &[u8], nonce: &str, time: &str| {
        let mac = hmac(SECRET.as_bytes(), &[body, b".", nonce.as_bytes(), b".", time.as_bytes()]).unwrap();
        format!("sha256={}", hex(&mac))
    };
    let fresh = now().as_second().to_string();
    let right = signed(BODY, "n1", &fresh);
    let with = |signature: &str, nonce: &str, time: &str, body: &[u8]| {
        verify(&terms, &[("x-signature", signature), ("x-nonce", nonce), ("x-time", time)], body)
    };
    assert_eq!(with(&right, "n1", &fresh, BODY), Ok(()));
    let (old, later) = ((now().as_second() - 301).to_string(), (now().as_second() + 1).to_string());
    assert_eq!(with(&signed(BODY, "n1", &old), "n1", &old, BODY), Err(Refusal::Stale));
    assert_eq!(with(&signed(BODY, "n1", "soon"), "n1", "soon", BODY), Err(Refusal::BadTimestamp));
    for (nonce, time, body) in [("n2", &fresh, BODY), ("n1", &later, BODY), ("n1", &fresh, &b"{}"[..])] {
        assert_eq!(with(&right, nonce, time, body), Err(Refusal::WrongSignature), "{nonce} {time}");
    }
    for wrong in ["sha256=00", &right.replace("sha256=", ""), &right[..right.len() - 2], "sha256=é"] {
        assert_eq!(with(wrong, "n1", &fresh, BODY), Err(Refusal::WrongSignature), "{wrong}");
    }
    assert_eq!(verify(&terms, &[("x-signature", &right), ("x-time", &fresh)], BODY), Err(Refusal::MissingSignature));
}

#[test]
fn a_repeat_with_the_first_time_counts_for_the_hours_of_the_pack_and_a_time_ahead_never_does() {
    let plan = include_str!("../shelf/acme.toml")
        .replace("encoding = \"json\"\n\n[webhook.sig", "encoding = \"json\"\nrepeats_hours = 24\n\n[webhook.sig");
    let (before, rest) = plan.split_once("# SIGNATURE\n").unwrap();
    let plan = Plan::parse("acme.toml", &format!("{before}{HMAC}\n{}", rest.split_once("# END\n").unwrap().1));
    let plan = Arc::new(plan.unwrap_or_else(|flaw| panic!("{flaw:?}")));
    let terms = Arc::new(Terms { plan, ..Arc::into_inner(terms(HMAC)).unwrap() });
    let at = |seconds: i64| {
        let time = (now().as_second() + seconds).to_string();
        let mac = hmac(SECRET.as_bytes(), &[BODY, b".n1.", time.as_bytes()]).unwrap();
        let signature = format!("sha256={}", hex(&mac));
        verify(&terms, &[("x-signature", &signature), ("x-nonce", "n1"), ("x-time", &time)], BODY)
    };
    assert_eq!((at(-24 * 3600), at(-24 * 3600 - 1)), (Ok(()), Err(Refusal::Stale)));
    assert_eq!((at(300), at(301)), (Ok(()), Err(Refusal::Stale)));
}

#[test]
fn an_hmac_covers_the_method_and_the_path_of_the_webhook() {
    let mut terms = terms("scheme = \"hmac\"\nheader = \"X-Signature\"\nsigned = \"{method} {path}\\n{body}\"");
    let mac = |method: &str, path: &str| {
        hex(&hmac(SECRET.as_bytes(), &[method.as_bytes(), b" ", path.as_bytes(), b"\n", BODY]).unwrap())
    };
    for (address, path) in [
        ("https://bridge.example.org/webhooks/acme", "/webhooks/acme"),
        ("https://bridge.example.org:8443/webhooks/acme?a=1", "/webhooks/acme?a=1"),
        ("https://bridge.example.org", ""),
    ] {
        Arc::get_mut(&mut terms).unwrap().webhook_url = Some(address.to_owned());
        let with = |signature: &str| verify(&terms, &[("x-signature", signature)], BODY);
        assert_eq!(with(&mac("POST", path)), Ok(()), "{address}");
        for (method, path) in [("", path), ("GET", path), ("POST", "/webhooks/other")] {
            assert_eq!(with(&mac(method, path)), Err(Refusal::WrongSignature), "{method} {path}");
        }
    }
}

#[test]
fn a_shared_header_is_a_token() {
    let terms = terms("scheme = \"header\"\nname = \"X-Api-Key\"");
    assert_eq!(verify(&terms, &[("x-api-key", SECRET)], BODY), Ok(()));
    assert_eq!(verify(&terms, &[("x-api-key", "wrong")], BODY), Err(Refusal::WrongToken));
    assert_eq!(verify(&terms, &[("x-api-key", ""), ("authorization", SECRET)], BODY), Err(Refusal::WrongToken));
    assert_eq!(verify(&terms, &[], BODY), Err(Refusal::MissingToken));
    let twice = [("x-api-key", SECRET), ("x-api-key", "wrong")];
    let mut both = HeaderMap::new();
    for (name, value) in twice {
        both.append(name, value.parse().unwrap());
    }
    assert_eq!(admit(&both, &terms).err(), Some(Refusal::WrongToken), "either may be the true one");
}

fn token(head: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let mac = hmac(SECRET.as_bytes(), &[signed.as_bytes()]).unwrap();
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn a_token_must_name_the_digest_of_the_body_and_its_own_kind() {
    let terms = terms("scheme = \"jwt-hs256\"\npayload_hash = \"payload_hash\"");
    let digest = hex(&Sha256::digest(BODY));
    let head = r#"{"alg":"HS256"}"#;
    let claims = |iat: i64, digest: &str| format!(r#"{{"iat":{iat},"payload_hash":"{digest}"}}"#);
    let with = |token: &str, body: &[u8]| verify(&terms, &[("authorization", token)], body);
    let fresh = now().as_second();
    let right = token(head, &claims(fresh, &digest));
    assert_eq!(with(&right, BODY), Ok(()));
    assert_eq!(with(&right, b"{}"), Err(Refusal::WrongSignature));
    assert_eq!(with(&token(head, &claims(fresh - 301, &digest)), BODY), Err(Refusal::Stale));
    assert_eq!(with(&token(head, &format!(r#"{{"payload_hash":"{digest}"}}"#)), BODY), Err(Refusal::BadTimestamp));
    assert_eq!(with(&token(head, &format!(r#"{{"iat":{fresh}}}"#)), BODY), Err(Refusal::WrongSignature));
    for head in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, "{}"] {
        assert_eq!(with(&token(head, &claims(fresh, &digest)), BODY), Err(Refusal::WrongSignature), "{head}");
    }
    let unsigned = right.rsplit_once('.').unwrap().0;
    for broken in [&format!("{unsigned}."), unsigned, "Bearer ", "Bearer a.b.c", "Basic x"] {
        assert_eq!(with(broken, BODY), Err(Refusal::WrongSignature), "{broken}");
    }
}

#[test]
fn the_fields_of_a_form_are_signed_with_the_address_of_the_configuration_alone() {
    let plan = crate::vendors::pack::shelf::load("twilio", Path::new(".")).unwrap();
    let with = |webhook_url: Option<&str>| {
        let webhook_url = webhook_url.map(str::to_owned);
        let secrets = vec![SecretString::from("12345")];
        Arc::new(Terms { plan: Arc::clone(&plan), secrets, tolerance: Duration::from_secs(300), webhook_url })
    };
    // By the vendor's client, twilio 9.13.0: RequestValidator("12345").compute_signature(url, {"A": "1", "B": "2"}).
    let signature = [("x-twilio-signature", FORM_SIGNATURE)];
    for same in ["https://bridge.example.org/webhooks/twilio", "https://Bridge.Example.org:443/webhooks/twilio"] {
        assert_eq!(verify(&with(Some(same)), &signature, b"B=2&A=1"), Ok(()), "{same}");
    }
    let other = "https://bridge.example.com/webhooks/twilio";
    assert_eq!(verify(&with(Some(other)), &signature, b"B=2&A=1"), Err(Refusal::WrongSignature));
    assert_eq!(verify(&with(None), &signature, b"B=2&A=1"), Err(Refusal::WrongSignature));
}

const FORM_SIGNATURE: &str = "yX1JFJjH9hjFtvwFBELBhoR1Mtc=";
