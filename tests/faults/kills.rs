//! `kill -9` of each part while the real transactions are imported.

use std::time::{Duration, Instant};

use daybook_tests::berka::Berka;
use daybook_tests::random::soak;
use daybook_tests::traffic::check_acknowledged;
use daybook_tests::{History, Nats, Random, Service, Setup, Traffic, caught_up};

use crate::importing::Import;

/// How many faults one import goes through.
fn faults(usual: usize) -> usize {
    if soak() { usual * 5 } else { usual }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_service_is_killed_twelve_times_and_nothing_is_lost_or_doubled() {
    let Some(berka) = Berka::find() else { return };
    let mut random = Random::seeded(0x00c0_ffee);
    let mut service = Service::start_fresh();
    let client = service.client();
    let others = Traffic::start(&client, "others", 4, Duration::from_millis(5)).await;
    let mut import = Import::new(client.clone(), &berka).await;
    for point in import.points(&mut random, faults(12)) {
        import.run_to(point).await;
        import
            .run_through(&mut random, || {
                service.kill9();
                let start = Instant::now();
                service.start();
                eprintln!("ready again after {:?}", start.elapsed());
            })
            .await;
    }
    eprintln!("{} requests were cut off by a kill", import.interrupted);
    assert!(import.interrupted > 0, "some kills fall into a request");
    import.run_to_end().await;
    import.check(&service, &berka).await;

    let acked = others.stop().await;
    let history = History::read(&client, "others").await;
    check_acknowledged(&history, &acked);
    caught_up(&client, "others", history.last_revision()).await;
    let (clean, said) = service.audit();
    assert!(clean, "INV-4: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_killed_and_loses_everything_while_commands_are_accepted() {
    let Some(berka) = Berka::find() else { return };
    let mut random = Random::seeded(0x0000_4a75);
    let mut nats = Nats::start();
    let service = Setup::new().environment("NATS_URL", nats.url()).start();
    let mut import = Import::new(service.client(), &berka).await;
    for (number, point) in import
        .points(&mut random, faults(8))
        .into_iter()
        .enumerate()
    {
        import.run_to(point).await;
        nats.kill9();
        // At least one whole request of the import while it is down, and at times a dozen.
        import.run_to(point + 1 + random.index(12)).await;
        if number % 2 == 1 {
            nats.delete_storage();
        }
        tokio::task::block_in_place(|| nats.restart());
    }
    import.run_to_end().await;
    import.check(&service, &berka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_own_nats_and_postgres_are_killed_and_come_back_by_themselves() {
    let Some(berka) = Berka::find() else { return };
    let mut random = Random::seeded(0x0070_6773);
    let service = Service::start_fresh();
    let mut import = Import::new(service.client(), &berka).await;
    for (number, point) in import
        .points(&mut random, faults(8))
        .into_iter()
        .enumerate()
    {
        import.run_to(point).await;
        let child = if number % 4 == 3 { "nats" } else { "postgres" };
        daybook_tests::until_async("the child runs", Duration::from_secs(60), async || {
            service.child(child)["pid"].is_u64().then_some(())
        })
        .await;
        service.kill9_child(child);
    }
    import.run_to_end().await;
    import.check(&service, &berka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_catch_up_while_nats_stays_down_and_while_it_hangs() {
    let mut nats = Nats::start();
    let service = Setup::new().environment("NATS_URL", nats.url()).start();
    let client = service.client();
    let traffic = Traffic::start(&client, "acme", 4, Duration::from_millis(2)).await;
    nats.kill9();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let revision = traffic
        .stop()
        .await
        .iter()
        .map(|acked| acked.revision)
        .max()
        .unwrap();
    caught_up(&client, "acme", revision).await;

    tokio::task::block_in_place(|| nats.restart());
    nats.pause();
    let body = serde_json::json!({"postings": [
        {"debit": "cash", "credit": "customers", "amount": "1", "asset": "USD"},
    ]});
    let posted = client
        .post("/v1/ledgers/acme/transactions", "hung", &body)
        .await
        .checked(201);
    caught_up(&client, "acme", posted.revision()).await;
    nats.unpause();
}
