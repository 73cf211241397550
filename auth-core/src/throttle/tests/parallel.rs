use super::*;

/// Counts how often a password was hashed.
#[derive(Default)]
struct Hasher(std::sync::atomic::AtomicU32);

// AUTH case 37
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_parallel_wrong_passwords_no_more_than_five_are_hashed() {
    let world = Arc::new(world());
    let hasher = Arc::new(Hasher::default());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, hasher) = (Arc::clone(&world), Arc::clone(&hasher));
            tokio::spawn(async move {
                let attempt = Attempt::password(&world.tenant, "ann");
                if let Decision::Permit(permit) = world.gate.begin(&attempt).await {
                    hasher.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    // All hashes take so long that no one is done before the last has begun.
                    tokio::task::yield_now().await;
                    permit.failed("wrong_password", None);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(hasher.0.load(std::sync::atomic::Ordering::SeqCst), 5);
}
