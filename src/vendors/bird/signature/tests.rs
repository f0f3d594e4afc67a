//! The signatures against constructed vectors, and against all that is not one.

use base64::engine::general_purpose::STANDARD;

use super::*;

const SECRET: &str = "whsec_dGFuZGVtLXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmctISE=";
const SECOND_SECRET: &str = "tandem-signing-key";
const SIGNED_AT: i64 = 1_796_030_102;
const BODY: &[u8] = br#"{"type":"sms.received","timestamp":"2026-11-28T09:15:02Z","data":{"sms_id":"sms_01kb5n3w8rx0f2v7q4m9d6c1ae","to":"+15550100100","from":"+15550123456","text":"Hi"}}"#;
const SIGNATURE: &str = "v1,4yOy6TdeElU8oVY/nud+nyutFcnRgGHSFxQIRj7GT9U=";
const SECOND_BODY: &[u8] = br#"{"service":"channels","event":"sms.inbound"}"#;
const SECOND: &str = "ClAaX+LIiYT8j11YdiBf8NeBgkAsX50Cxd1EmX4JNYg=";
const ADDRESS: &str = "https://bridge.example.org/bird";

fn terms(secrets: &[&str], second: Option<&str>) -> Arc<Terms> {
    let secrets = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    Arc::new(Terms { secrets, tolerance: Duration::from_secs(300), second: second.map(str::to_owned) })
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn third(id: &str, timestamp: &str, signatures: &str) -> HeaderMap {
    headers(&[(ID, id), (TIMESTAMP, timestamp), (SIGNATURES, signatures)])
}

fn second(timestamp: &str, signature: &str) -> HeaderMap {
    headers(&[(SECOND_TIMESTAMP, timestamp), (SECOND_SIGNATURE, signature)])
}

/// Whether the webhook counts, `after` seconds behind its signing.
fn verdict(headers: &HeaderMap, body: &[u8], after: i64, terms: &Arc<Terms>) -> Result<(), Refusal> {
    let now = Timestamp::from_second(SIGNED_AT + after).unwrap();
    Signed::of(headers, terms)?.verify(body, now).map(drop)
}

#[test]
fn the_third_generation_agrees_with_its_vector_under_any_of_the_secrets() {
    let told = third("msg_tandem1", "1796030102", SIGNATURE);
    assert_eq!(verdict(&told, BODY, 0, &terms(&[SECRET], None)), Ok(()));
    let other = "whsec_b3RoZXI=";
    assert_eq!(verdict(&told, BODY, 0, &terms(&["", other, SECRET], None)), Ok(()));
    assert_eq!(verdict(&told, BODY, 0, &terms(&[other], None)), Err(Refusal::WrongSignature));
    let both = format!("v1,{} v1a,AAAA {SIGNATURE}", STANDARD.encode([7; 32]));
    assert_eq!(verdict(&third("msg_tandem1", "1796030102", &both), BODY, 0, &terms(&[SECRET], None)), Ok(()));
    assert_eq!((id(&told), id(&second("1796030102", SECOND))), (Some("msg_tandem1"), None));
}

#[test]
fn each_signed_part_counts() {
    let is_refused = |id, timestamp, body: &[u8]| {
        let verdict = verdict(&third(id, timestamp, SIGNATURE), body, 0, &terms(&[SECRET], None));
        assert_eq!(verdict, Err(Refusal::WrongSignature), "{id} {timestamp}");
    };
    is_refused("msg_tandem2", "1796030102", BODY);
    is_refused("msg_tandem1", "1796030103", BODY);
    is_refused("msg_tandem1", "1796030102", &BODY[1..]);
    is_refused("msg_tandem1", "1796030102", b"");
}

#[test]
fn a_key_is_never_the_secret_as_printed_or_an_empty_one() {
    let printed = hmac_of(SECRET.as_bytes());
    let of_nothing = hmac_of(b"");
    for (signature, secrets) in [(printed, [SECRET]), (of_nothing, ["whsec_"]), (hmac_of(b"plain"), ["plain"])] {
        let told = third("msg_tandem1", "1796030102", &signature);
        assert_eq!(verdict(&told, BODY, 0, &terms(&secrets, None)), Err(Refusal::WrongSignature), "{secrets:?}");
    }
    for (secret, is_one) in [(SECRET, true), ("whsec_", false), ("whsec_%%", false), (SECOND_SECRET, false)] {
        assert_eq!(is_standard(&secret.into()), is_one, "{secret}");
    }
}

fn hmac_of(key: &[u8]) -> String {
    let mac = crate::intake::signature::hmac(key, &[b"msg_tandem1.1796030102.", BODY]).unwrap();
    format!("v1,{}", STANDARD.encode(mac))
}

#[test]
fn a_signature_is_stale_five_minutes_from_now_and_one_of_the_second_generation_nine_hours() {
    let told = third("msg_tandem1", "1796030102", SIGNATURE);
    let of_second = second("1796030102", SECOND);
    let both = terms(&[SECRET, SECOND_SECRET], Some(ADDRESS));
    for (after, third, second) in [
        (0, Ok(()), Ok(())),
        (300, Ok(()), Ok(())),
        (-300, Ok(()), Ok(())),
        (301, Err(Refusal::Stale), Ok(())),
        (-301, Err(Refusal::Stale), Ok(())),
        (9 * 3600, Err(Refusal::Stale), Ok(())),
        (9 * 3600 + 1, Err(Refusal::Stale), Err(Refusal::Stale)),
    ] {
        assert_eq!(verdict(&told, BODY, after, &both), third, "{after}");
        assert_eq!(verdict(&of_second, SECOND_BODY, after, &both), second, "{after}");
    }
}

#[test]
fn the_second_generation_counts_at_its_own_address_and_only_where_it_is_taken() {
    let told = second("1796030102", SECOND);
    let at = |address| verdict(&told, SECOND_BODY, 0, &terms(&[SECRET, SECOND_SECRET], address));
    assert_eq!(at(Some(ADDRESS)), Ok(()));
    assert_eq!(at(Some("https://bridge.example.org/other")), Err(Refusal::WrongSignature));
    assert_eq!(at(None), Err(Refusal::MissingSignature));
    let other_body = verdict(&told, b"{}", 0, &terms(&[SECOND_SECRET], Some(ADDRESS)));
    assert_eq!(other_body, Err(Refusal::WrongSignature));
    let mut both = third("msg_tandem1", "1796030102", "v1,AAAA");
    both.extend(second("1796030102", SECOND));
    let verdict = verdict(&both, SECOND_BODY, 0, &terms(&[SECOND_SECRET], Some(ADDRESS)));
    assert_eq!(verdict, Err(Refusal::WrongSignature), "one generation does not vouch for another");
}

#[test]
fn headers_that_are_missing_doubled_or_nonsense_are_refused() {
    let of = |headers: &HeaderMap| Signed::of(headers, &terms(&[SECRET], Some(ADDRESS))).err();
    let missing = Some(Refusal::MissingSignature);
    assert_eq!(of(&HeaderMap::new()), missing);
    assert_eq!(of(&headers(&[(ID, "msg_1"), (SIGNATURES, SIGNATURE)])), missing);
    assert_eq!(of(&headers(&[(TIMESTAMP, "1"), (SIGNATURES, SIGNATURE)])), missing);
    assert_eq!(of(&third(" ", "1", SIGNATURE)), missing);
    assert_eq!(of(&headers(&[(SECOND_SIGNATURE, SECOND)])), missing);
    for signatures in ["v1,", "v1,AAAA", "4yOy6TdeElU8oVY/nud+nyutFcnRgGHSFxQIRj7GT9U=", "v2,AAAA", "ü"] {
        let mut told = third("msg_1", "1", "x");
        told.insert(SIGNATURES, HeaderValue::from_bytes(signatures.as_bytes()).unwrap());
        assert_eq!(of(&told), Some(Refusal::WrongSignature), "{signatures}");
    }
    let mut twice = third("msg_tandem1", "1796030102", SIGNATURE);
    twice.append(SIGNATURES, HeaderValue::from_static(SIGNATURE));
    assert_eq!(of(&twice), Some(Refusal::WrongSignature));
    let timeless = crate::intake::signature::hmac(b"tandem-test-key-32-bytes-long-!!", &[b"m.soon.", BODY]).unwrap();
    let told = third("m", "soon", &format!("v1,{}", STANDARD.encode(timeless)));
    assert_eq!(verdict(&told, BODY, 0, &terms(&[SECRET], None)), Err(Refusal::BadTimestamp));
}
