//! How long it takes to load the mappings, and to make one request body.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tandem::mapping::{Mappings, Name, sample};

fn render(criterion: &mut Criterion) {
    let mappings = Mappings::shipped().expect("the shipped mappings are good");
    for name in Name::ALL {
        let context = sample(name).expect("the shipped samples are good");
        criterion.bench_function(&format!("render/{name}"), |bencher| {
            bencher.iter(|| mappings.render(name, black_box(&context)).expect("the sample renders"));
        });
    }
    criterion.bench_function("load/shipped", |bencher| {
        bencher.iter(|| Mappings::shipped().expect("the shipped mappings are good"))
    });
}

criterion_group!(benches, render);
criterion_main!(benches);
