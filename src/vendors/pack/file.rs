//! The file of a pack, as it is written: TOML, in which every name that has no meaning is a fault. Never does I/O.

use serde::Deserialize;

use super::parts::{Address, Code, Encoding, Header, Letters, Pointer, Signed};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The vendor's name: one word that begins with a capital letter, because causes begin with it.
    pub(super) title: String,
    /// The address of the API.
    pub(super) url: Address,
    /// The vendor's own words for the account's keys. A key without words is not needed.
    pub(super) account: Words,
    pub(super) auth: Auth,
    pub(super) send: Send,
    pub(super) answer: Answer,
    #[serde(default)]
    pub(super) codes: Codes,
    pub(super) probe: Option<Probe>,
    pub(super) webhook: Webhook,
}

/// The vendor's words for the keys of an account, which end the sentence "Set it to …".
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) account_id: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) webhook_url: Option<String>,
}

/// How a call proves the account.
#[derive(Debug, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Auth {
    // With braces, because a name that is not known is refused only in a variant that has fields.
    /// `Authorization: Basic`, with `key_id` or else `account_id` as the user and `secret` as the password.
    Basic {},
    /// `Authorization: Bearer`, with `secret`.
    Bearer {},
    /// A header with `secret`, behind these words.
    Header {
        name: Header,
        #[serde(default)]
        before: String,
    },
    /// A header with HMAC-SHA256 by `secret` over a text.
    Hmac {
        name: Header,
        #[serde(default)]
        before: String,
        signed: Signed,
        #[serde(default)]
        letters: Letters,
        /// The header that tells the time of the signature in seconds.
        timestamp: Option<Header>,
    },
}

/// The call that sends a text. Its path, headers and body are templates and are compiled apart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) path: String,
    pub(super) encoding: Encoding,
    #[serde(default, rename = "headers")]
    pub(super) headers: toml::Table,
    #[serde(rename = "body")]
    pub(super) _body: toml::Table,
    pub(super) idempotency: Option<Idempotency>,
}

/// The header under which a text that is sent again is the same text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Idempotency {
    pub(super) header: Header,
    /// How long the vendor knows a key.
    pub(super) hours: u32,
}

/// The places of the id and of the error in an answer, and the meanings of statuses.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) id: Pointer,
    pub(super) code: Option<Pointer>,
    /// Nothing happened, and the same call may succeed later.
    #[serde(default)]
    pub(super) retry: Vec<u16>,
    /// The text will never be taken.
    #[serde(default)]
    pub(super) reject: Vec<u16>,
    /// The text may be out.
    #[serde(default)]
    pub(super) unknown: Vec<u16>,
    /// The account is refused as a whole.
    #[serde(default)]
    pub(super) pause: Vec<u16>,
}

/// The codes whose meaning makes a difference, in answers and in reports.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Codes {
    /// The customer has opted out.
    #[serde(default)]
    pub(super) opted_out: Vec<Code>,
    /// The number takes no texts.
    #[serde(default)]
    pub(super) unreachable: Vec<Code>,
    /// The account or the line is set up wrongly.
    #[serde(default)]
    pub(super) operator: Vec<Code>,
}

/// A small read, which shows whether the account is let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub(super) path: String,
}

/// The webhooks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) encoding: Encoding,
    pub(super) signature: Scheme,
    /// The status for a webhook that is not authentic.
    #[serde(default)]
    pub(super) refuse_with: RefuseWith,
    /// For how many hours the vendor may repeat a webhook with the time of its first try.
    #[serde(default)]
    pub(super) repeats_hours: u32,
    /// Whether the vendor writes numbers without their `+`.
    #[serde(default)]
    pub(super) numbers_lack_plus: bool,
    pub(super) text: Text,
    pub(super) status: Option<Status>,
}

/// The status for a webhook that is not authentic.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u16")]
pub(super) enum RefuseWith {
    /// 401.
    #[default]
    Unauthorized,
    /// 503, for a vendor that never repeats a webhook after a 401.
    Unavailable,
}

impl TryFrom<u16> for RefuseWith {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, &'static str> {
        match status {
            401 => Ok(Self::Unauthorized),
            503 => Ok(Self::Unavailable),
            _ => Err("expected 401 or 503"),
        }
    }
}

/// How a webhook proves its sender.
#[derive(Debug, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Scheme {
    /// HMAC-SHA256 over a text with the body in it.
    Hmac {
        header: Header,
        #[serde(default)]
        before: String,
        signed: Signed,
        #[serde(default)]
        letters: Letters,
        timestamp: Option<Header>,
        nonce: Option<Header>,
    },
    /// HMAC-SHA1 in base64 over the address and the sorted fields of the form; SHA-256 where the settings say so.
    FormHmac { header: Header, settings: Option<Header> },
    /// A JSON Web Token of HS256 as the bearer, which names the digest of the body.
    JwtHs256 { payload_hash: String },
    /// A header with the secret itself.
    Header { name: Header },
}

/// A customer's text in a webhook.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) id: Pointer,
    pub(super) sender: Pointer,
    pub(super) line: Option<Pointer>,
    /// The places of words, which become lines.
    pub(super) words: Vec<Pointer>,
    /// The addresses of files: a text, or a list of texts, at each. `*` stands for each value of a list.
    #[serde(default)]
    pub(super) media: Vec<Pointer>,
    /// The kind of a text, where some kinds hold no words for people.
    pub(super) kind: Option<Pointer>,
    /// Those kinds.
    #[serde(default)]
    pub(super) wordless: Vec<String>,
    /// The words that end texts, each alone and in any case.
    #[serde(default = "stop")]
    pub(super) stop: Vec<String>,
    /// The words that resume them.
    #[serde(default = "start")]
    pub(super) start: Vec<String>,
}

fn stop() -> Vec<String> {
    vec!["STOP".to_owned()]
}

fn start() -> Vec<String> {
    ["START", "UNSTOP"].map(str::to_owned).to_vec()
}

/// The report of a text in a webhook: a body with a state in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub(super) state: Pointer,
    pub(super) id: Pointer,
    pub(super) recipient: Option<Pointer>,
    pub(super) line: Option<Pointer>,
    /// The bridge's mark, where the vendor passes it on.
    pub(super) mark: Option<Pointer>,
    pub(super) code: Option<Pointer>,
    #[serde(default)]
    pub(super) sent: Vec<String>,
    #[serde(default)]
    pub(super) delivered: Vec<String>,
    #[serde(default)]
    pub(super) read: Vec<String>,
    #[serde(default)]
    pub(super) failed: Vec<String>,
    /// States that tell nothing. Any other state that is not named is told to the operator.
    #[serde(default)]
    pub(super) ignored: Vec<String>,
}
