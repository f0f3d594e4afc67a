//! The signature check by itself: HMAC-SHA256 over the time stamp and the raw body.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use secrecy::SecretString;
use tandem::vendors::zendesk::signature::zendesk_signature;

fn signature(criterion: &mut Criterion) {
    let secret = SecretString::from("bench-signing-secret-0123456789abcdef");
    let mut group = criterion.benchmark_group("zendesk signature");
    for bytes in [256_usize, 1024, 16 * 1024, 256 * 1024] {
        let body = vec![b'x'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(bytes), &body, |bencher, body| {
            bencher.iter(|| zendesk_signature(&secret, "2026-11-21T12:00:00Z", body));
        });
    }
    group.finish();
}

criterion_group!(benches, signature);
criterion_main!(benches);
