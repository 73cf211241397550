//! Times every case. `cargo bench -p portcullis-benches -- headers` takes those of one layer.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_benches::cases;

fn layers(criterion: &mut Criterion) {
    for case in cases() {
        criterion.bench_function(&case.to_string(), |bencher| {
            let mut drive = case.build();
            bencher.iter_custom(|times| {
                let start = Instant::now();
                drive(times);
                start.elapsed()
            });
        });
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
