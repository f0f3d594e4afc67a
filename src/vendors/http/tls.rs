//! The faults of TLS connections, in words that an operator can act on. Never shows the library's own words, which may
//! hold names and addresses.

use std::error::Error;
use std::io::ErrorKind;

use rustls::CertificateError;

/// A fault of the other side's TLS, as seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's last day is over.
    Expired,
    /// The certificate's first day has not come.
    NotYetValid,
    /// The certificate is not for the host that was called.
    OtherName,
    /// The certificate was signed by itself or by an authority that this machine does not trust.
    UnknownIssuer,
    /// The certificate's authority has revoked it.
    Revoked,
    /// The certificate has another flaw.
    Invalid,
    /// The other side answered, but not in TLS.
    NotTls,
    /// The other side ended the connection before the handshake was over, or had no version or cipher in common.
    NoHandshake,
}

impl TlsFault {
    const ALL: [Self; 8] = [
        Self::Expired,
        Self::NotYetValid,
        Self::OtherName,
        Self::UnknownIssuer,
        Self::Revoked,
        Self::Invalid,
        Self::NotTls,
        Self::NoHandshake,
    ];

    /// The fault, in fixed words that continue "could not be reached: ".
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::OtherName => "its certificate is for another name",
            Self::UnknownIssuer => "its certificate is by an issuer that this machine does not trust",
            Self::Revoked => "its certificate was revoked",
            Self::Invalid => "its certificate is not valid",
            Self::NotTls => "it does not speak TLS",
            Self::NoHandshake => "it ended the connection while TLS was being set up",
        }
    }

    /// The remedy, where `url` is the key of the address that was called.
    #[must_use]
    pub fn remedy(self, url: &str) -> String {
        match self {
            Self::Expired | Self::NotYetValid => {
                format!(
                    "Compare this machine's clock with the true time; if it is right, the host of {url}, or a proxy on the \
                     way to it, has to renew its certificate"
                )
            }
            Self::OtherName => {
                format!("Compare the host in {url} with the one that the vendor shows, letter by letter")
            }
            Self::UnknownIssuer => format!(
                "Install the package ca-certificates; where a proxy on the way to {url} reads along, add its authority to \
                 the certificates that this machine trusts"
            ),
            Self::Revoked | Self::Invalid => {
                format!(
                    "Look at the certificate with openssl s_client: the host of {url}, or a proxy, has to replace it"
                )
            }
            Self::NotTls => format!("Compare the port in {url}: something answers there, but without TLS"),
            Self::NoHandshake => {
                format!(
                    "See whether {url} names the right host and port, and whether a firewall or proxy is on the way"
                )
            }
        }
    }

    /// The fault at the end of a failure's cause, so that the remedy can be shown with the cause.
    #[must_use]
    pub fn told_in(cause: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| cause.ends_with(fault.cause()))
    }

    /// The TLS fault in the sources of a connection error, if there is one.
    pub(super) fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut source = Some(error);
        while let Some(inner) = source {
            if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                return Some(Self::of(tls));
            }
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                // The library wraps its errors in I/O errors, whose `source` skips them.
                let within = io.get_ref().map(|within| within as &(dyn Error + 'static));
                if let Some(fault) = within.and_then(Self::behind) {
                    return Some(fault);
                }
                if io.kind() == ErrorKind::UnexpectedEof {
                    return Some(Self::NoHandshake);
                }
            }
            source = inner.source();
        }
        None
    }

    fn of(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(flaw) = error {
            return Self::of_certificate(flaw);
        }
        if matches!(error, rustls::Error::InvalidMessage(_)) { Self::NotTls } else { Self::NoHandshake }
    }

    fn of_certificate(flaw: &CertificateError) -> Self {
        use CertificateError as Flaw;
        if matches!(flaw, Flaw::Expired | Flaw::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(flaw, Flaw::NotValidYet | Flaw::NotValidYetContext { .. }) {
            Self::NotYetValid
        } else if matches!(flaw, Flaw::NotValidForName | Flaw::NotValidForNameContext { .. }) {
            Self::OtherName
        } else if matches!(flaw, Flaw::UnknownIssuer | Flaw::BadSignature) || is_own_authority(flaw) {
            // A wrong signature under a trusted name is by another issuer of the same name.
            Self::UnknownIssuer
        } else if matches!(flaw, Flaw::Revoked) {
            Self::Revoked
        } else {
            Self::Invalid
        }
    }
}

/// Whether the host's own certificate is that of an authority, as a self-signed certificate usually is. The library has
/// only a text for this fault.
fn is_own_authority(flaw: &CertificateError) -> bool {
    if let CertificateError::Other(other) = flaw { other.to_string() == "CaUsedAsEndEntity" } else { false }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::vendors::http::{HttpTransport, Transport, TransportError, client_builder, scripted};

    /// A server with this certificate, and the port that it listens on at 127.0.0.1.
    async fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let (acceptor, listener) =
            (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(acceptor.accept(stream).await);
            }
        });
        port
    }

    /// An authority of this name.
    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// An authority's certificate for this name, from the first of one year to the first of another.
    fn signed(by: &CertifiedIssuer<'_, KeyPair>, name: &str, years: (i32, i32)) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        (params.signed_by(&key, by).unwrap().der().clone(), key)
    }

    /// The fault of a call to this port, by a client that trusts this authority beside those of the machine.
    async fn fault(port: u16, trusted: &CertifiedIssuer<'_, KeyPair>) -> String {
        let root = reqwest::Certificate::from_der(trusted.der()).unwrap();
        let builder = client_builder(Duration::from_secs(5), Duration::from_secs(5)).tls_certs_merge([root]);
        let request = http::Request::get(format!("https://127.0.0.1:{port}/")).body(Bytes::new()).unwrap();
        match HttpTransport::of(builder.build().unwrap()).send(request).await {
            Err(TransportError::NotSent { cause }) => cause,
            other => panic!("it should not have been sent: {other:?}"),
        }
    }

    #[tokio::test]
    async fn each_fault_of_a_certificate_has_its_name() {
        let (trusted, other, namesake) = (authority("trusted"), authority("other"), authority("trusted"));
        let good = (2000, 4000);
        for (signer, name, years, fault_expected) in [
            (&trusted, "127.0.0.1", (2000, 2001), TlsFault::Expired),
            (&other, "127.0.0.1", (2000, 2001), TlsFault::Expired),
            (&trusted, "127.0.0.1", (3999, 4000), TlsFault::NotYetValid),
            (&trusted, "elsewhere.example", good, TlsFault::OtherName),
            (&other, "127.0.0.1", good, TlsFault::UnknownIssuer),
            (&namesake, "127.0.0.1", good, TlsFault::UnknownIssuer),
        ] {
            let (certificate, key) = signed(signer, name, years);
            let port = server(certificate, &key).await;
            assert_eq!(fault(port, &trusted).await, fault_expected.cause(), "{name} {years:?}");
        }
        let mut own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            own.is_ca = is_ca;
            let key = KeyPair::generate().unwrap();
            let port = server(own.self_signed(&key).unwrap().der().clone(), &key).await;
            assert_eq!(fault(port, &trusted).await, TlsFault::UnknownIssuer.cause(), "signed by itself");
        }
        let (certificate, key) = signed(&trusted, "127.0.0.1", good);
        let port = server(certificate, &key).await;
        let root = reqwest::Certificate::from_der(trusted.der()).unwrap();
        let builder = client_builder(Duration::from_secs(5), Duration::from_secs(5)).tls_certs_merge([root]);
        let request = http::Request::get(format!("https://127.0.0.1:{port}/")).body(Bytes::new()).unwrap();
        let spoken = HttpTransport::of(builder.build().unwrap()).send(request).await.unwrap_err();
        assert!(matches!(spoken, TransportError::Lost { .. }), "a good certificate is let through: {spoken:?}");
    }

    #[tokio::test]
    async fn a_port_without_tls_says_so() {
        let trusted = authority("trusted");
        let plain = scripted::raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
        assert_eq!(fault(plain.port().unwrap(), &trusted).await, "it does not speak TLS");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            use tokio::io::AsyncReadExt;
            while let Ok((mut stream, _)) = listener.accept().await {
                // Reads the whole greeting, so that the connection ends and is not reset.
                let mut greeting = [0; 4096];
                drop(stream.read(&mut greeting).await);
            }
        });
        assert_eq!(fault(port, &trusted).await, "it ended the connection while TLS was being set up");
    }

    #[test]
    fn a_cause_that_ends_with_a_fault_leads_to_its_remedy_and_no_other_does() {
        for fault in TlsFault::ALL {
            let cause = format!("Zendesk could not be reached: {}", fault.cause());
            assert_eq!(TlsFault::told_in(&cause), Some(fault));
            assert!(fault.remedy("zendesk.url").contains("zendesk.url"));
        }
        assert_eq!(TlsFault::told_in("Zendesk could not be reached: the connection was refused"), None);
    }
}
