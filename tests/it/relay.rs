//! The relay against a real nats-server: everything is published in order, in true ranges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::message::StreamMessage;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::Position;
use daybook_events::names::{JETSTREAM, PARTITIONS, SUBJECT_HEARTBEAT, header, partition_of};
use daybook_store::port::EventStore;
use daybook_tests::{Nats, temp_store, until_async};
use futures_util::StreamExt as _;

use crate::projections::naive::all_events;
use crate::projections::support::{LEDGERS, SOON, opened, start_relay};

fn number(message: &StreamMessage, name: &'static str) -> u64 {
    message
        .headers
        .get(name)
        .expect(name)
        .as_str()
        .parse()
        .unwrap()
}

/// Every message of the stream, once the last one ends at the store's head.
async fn published(nats: &Nats, store: &Arc<dyn EventStore>) -> Vec<StreamMessage> {
    published_after(0, nats, store).await
}

/// Every message after a sequence, once the last one ends at the store's head.
async fn published_after(
    after: u64,
    nats: &Nats,
    store: &Arc<dyn EventStore>,
) -> Vec<StreamMessage> {
    let head = store.head().await.unwrap().position.get();
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = jetstream::new(client);
    until_async("the stream reaches the head", SOON, async || {
        let stream = context.get_stream(JETSTREAM).await.ok()?;
        let state = &stream.cached_info().state;
        let last = stream.get_raw_message(state.last_sequence).await.ok()?;
        if number(&last, header::TO) < head {
            return None;
        }
        let mut messages = Vec::new();
        for sequence in state.first_sequence.max(after + 1)..=state.last_sequence {
            messages.push(stream.get_raw_message(sequence).await.ok()?);
        }
        Some(messages)
    })
    .await
}

fn events_of(message: &StreamMessage) -> Vec<RecordedEvent> {
    let lines = message
        .payload
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| RecordedEvent::read_feed_line(line).unwrap())
        .collect()
}

/// Each message is what its headers say.
fn assert_true(messages: &[StreamMessage], written: &[RecordedEvent]) {
    for message in messages {
        let events = events_of(message);
        assert!(message.payload.len() <= 512 << 10);
        let (first, last) = (&events[0], &events[events.len() - 1]);
        let partition = partition_of(&first.ledger, PARTITIONS);
        let subject = format!("daybook.events.{partition}.{}", first.ledger);
        assert_eq!(message.subject.as_str(), subject);
        assert_eq!(number(message, header::TO), last.position.get());
        assert_eq!(
            number(message, header::FIRST_REVISION),
            first.revision.get()
        );
        assert_eq!(number(message, header::LAST_REVISION), last.revision.get());
        let trace = message.headers.get(header::TRACEPARENT).unwrap().as_str();
        assert!(trace.starts_with("00-0af7651916cd43dd"));
        let (from, to) = (number(message, header::FROM), number(message, header::TO));
        let range: Vec<&RecordedEvent> = written
            .iter()
            .filter(|event| partition_of(&event.ledger, PARTITIONS) == partition)
            .filter(|event| event.position.get() > from && event.position.get() <= to)
            .collect();
        assert_eq!(
            range,
            events.iter().collect::<Vec<_>>(),
            "a range holds all it covers"
        );
    }
}

/// The positions that a reader of the stream gets, and the holes that ranges show, per partition.
fn follow(messages: &[StreamMessage], start: u64) -> (Vec<u64>, usize) {
    let mut received: BTreeMap<u16, u64> = BTreeMap::new();
    let (mut positions, mut holes) = (Vec::new(), 0);
    for message in messages {
        let events = events_of(message);
        let at = received
            .entry(partition_of(&events[0].ledger, PARTITIONS))
            .or_insert(start);
        if number(message, header::FROM) > *at {
            holes += 1;
        }
        let news = events
            .iter()
            .map(|event| event.position.get())
            .filter(|p| p > at);
        positions.extend(news);
        *at = (*at).max(number(message, header::TO));
    }
    (positions, holes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_published_in_order_and_in_true_ranges() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let relay = start_relay(&store, &nats.url());
    until_async("the relay is ready", SOON, async || {
        relay.health.snapshot().ready.then_some(())
    })
    .await;
    let mut history = opened(&store, 1).await;
    history.write(&LEDGERS, 60).await;
    history.post("acme", 2_500, false).await;
    let messages = published(&nats, &store).await;
    let written = all_events(&*store).await;
    assert_true(&messages, &written);
    let (positions, holes) = follow(&messages, 0);
    let expected: Vec<u64> = written.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, expected, "in the store's order, each once");
    assert_eq!(holes, 0);
    assert!(
        messages.len() < written.len() / 2,
        "runs are published, not events"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_begins_an_empty_stream_at_the_head_and_goes_on_where_it_ended() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 2).await;
    let start = store.head().await.unwrap().position.get();
    for _ in 0..3 {
        let relay = start_relay(&store, &nats.url());
        until_async("the relay is ready", SOON, async || {
            relay.health.snapshot().ready.then_some(())
        })
        .await;
        history.write(&LEDGERS, 20).await;
        published(&nats, &store).await;
        relay.stop().await;
        history.write(&LEDGERS, 5).await;
    }
    let relay = start_relay(&store, &nats.url());
    let messages = published(&nats, &store).await;
    let written = all_events(&*store).await;
    assert_true(&messages, &written);
    let total: usize = messages
        .iter()
        .map(|message| events_of(message).len())
        .sum();
    let (positions, _) = follow(&messages, start);
    assert_eq!(total, positions.len(), "nothing was published twice");
    let expected: Vec<u64> = written
        .iter()
        .map(|event| event.position.get())
        .filter(|p| *p > start)
        .collect();
    assert_eq!(positions, expected);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_at_once_publish_true_ranges_and_hide_no_hole() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let relays = [
        start_relay(&store, &nats.url()),
        start_relay(&store, &nats.url()),
    ];
    for relay in &relays {
        until_async("both are ready", SOON, async || {
            relay.health.snapshot().ready.then_some(())
        })
        .await;
    }
    let mut history = opened(&store, 3).await;
    for _ in 0..20 {
        history.write(&LEDGERS, 5).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let messages = published(&nats, &store).await;
    let written = all_events(&*store).await;
    assert_true(&messages, &written);
    // A reader takes what is new, and fills holes from the store: it ends with every event.
    let (positions, holes) = follow(&messages, 0);
    let mut last: BTreeMap<u16, u64> = BTreeMap::new();
    for event in &positions {
        let of = written.iter().find(|it| it.position.get() == *event);
        let before = last.insert(partition_of(&of.unwrap().ledger, PARTITIONS), *event);
        assert!(before < Some(*event), "each partition comes in order");
    }
    assert!(
        positions.len() == written.len() || holes > 0,
        "whatever is missing shows as a hole"
    );
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_stream_goes_on_with_a_visible_hole() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let relay = start_relay(&store, &nats.url());
    until_async("the relay is ready", SOON, async || {
        relay.health.snapshot().ready.then_some(())
    })
    .await;
    let mut history = opened(&store, 4).await;
    published(&nats, &store).await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = jetstream::new(client);
    context
        .get_stream(JETSTREAM)
        .await
        .unwrap()
        .purge()
        .await
        .unwrap();
    history.write(&LEDGERS, 20).await;
    let messages = published(&nats, &store).await;
    assert_true(&messages, &all_events(&*store).await);
    // Now the stream itself goes, while the relay runs.
    context.delete_stream(JETSTREAM).await.unwrap();
    until_async("the stream is made again", SOON, async || {
        history.write(&LEDGERS, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stream = context.get_stream(JETSTREAM).await.ok()?;
        (stream.cached_info().state.messages > 0).then_some(())
    })
    .await;
    let messages = published(&nats, &store).await;
    assert_true(&messages, &all_events(&*store).await);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lost_its_last_message_alone_goes_on_at_the_head() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 9).await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = jetstream::new(client);
    let mut after = 0;
    for purges_the_subject in [false, false, true] {
        let relay = start_relay(&store, &nats.url());
        until_async("the relay is ready", SOON, async || {
            relay.health.snapshot().ready.then_some(())
        })
        .await;
        for ledger in LEDGERS {
            history.post(ledger, 2, false).await;
        }
        let messages = published_after(after, &nats, &store).await;
        assert_true(&messages, &all_events(&*store).await);
        relay.stop().await;
        let last = &messages[messages.len() - 1];
        let stream = context.get_stream(JETSTREAM).await.unwrap();
        if purges_the_subject {
            let subject = last.subject.to_string();
            stream.purge().filter(subject).await.unwrap();
        } else {
            stream.delete_message(last.sequence).await.unwrap();
        }
        after = last.sequence;
        // Written while nobody publishes: the next range shows the jump.
        history.write(&LEDGERS, 5).await;
    }
    let start = store.head().await.unwrap().position.get();
    let relay = start_relay(&store, &nats.url());
    until_async("the relay is ready", SOON, async || {
        relay.health.snapshot().ready.then_some(())
    })
    .await;
    history.write(&LEDGERS, 10).await;
    let messages = published_after(after, &nats, &store).await;
    let written = all_events(&*store).await;
    assert_true(&messages, &written);
    let (positions, holes) = follow(&messages, start);
    let expected: Vec<u64> = written.iter().map(|event| event.position.get()).collect();
    let expected: Vec<u64> = expected.into_iter().filter(|p| *p > start).collect();
    assert_eq!((positions, holes), (expected, 0));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_generation_empties_the_stream() {
    let nats = Nats::start();
    let (old, new) = (temp_store(), temp_store());
    for (temp, seed) in [(&old, 5), (&new, 6)] {
        let store: Arc<dyn EventStore> = temp.store.clone();
        let mut history = opened(&store, seed).await;
        let start = store.head().await.unwrap().position;
        let relay = start_relay(&store, &nats.url());
        until_async("the relay is ready", SOON, async || {
            relay.health.snapshot().ready.then_some(())
        })
        .await;
        history.write(&LEDGERS, 10).await;
        let messages = published(&nats, &store).await;
        let generation = store.head().await.unwrap().generation.to_string();
        for message in &messages {
            let said = message.headers.get(header::GENERATION).unwrap().as_str();
            assert_eq!(said, generation, "no message of another generation is left");
            assert!(number(message, header::TO) > start.get());
        }
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_name_each_partitions_last_position() {
    let (nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let client = async_nats::connect(nats.url()).await.unwrap();
    let mut heard = client.subscribe(SUBJECT_HEARTBEAT).await.unwrap();
    client.flush().await.unwrap();
    let relay = start_relay(&store, &nats.url());
    heard.next().await.unwrap();
    let mut history = opened(&store, 7).await;
    history.write(&LEDGERS, 10).await;
    let written = all_events(&*store).await;
    let head = written[written.len() - 1].position;
    loop {
        let beat = tokio::time::timeout(SOON, heard.next())
            .await
            .unwrap()
            .unwrap();
        let beat: serde_json::Value = serde_json::from_slice(&beat.payload).unwrap();
        if beat["head"].as_u64() != Some(head.get()) {
            continue;
        }
        for partition in 0..PARTITIONS {
            let ours =
                |event: &&RecordedEvent| partition_of(&event.ledger, PARTITIONS) == partition;
            let last = written
                .iter()
                .rev()
                .find(ours)
                .map_or(Position::new(0), |e| e.position);
            assert_eq!(
                beat["last"][partition.to_string()].as_u64(),
                Some(last.get())
            );
        }
        break;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_outlives_a_server_that_is_killed_and_one_that_hangs() {
    let (mut nats, temp) = (Nats::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let relay = start_relay(&store, &nats.url());
    until_async("the relay is ready", SOON, async || {
        relay.health.snapshot().ready.then_some(())
    })
    .await;
    let mut history = opened(&store, 8).await;
    published(&nats, &store).await;
    history.write(&LEDGERS, 10).await;
    nats.kill9();
    history.write(&LEDGERS, 10).await;
    nats.restart();
    published(&nats, &store).await;
    nats.pause();
    history.write(&LEDGERS, 10).await;
    until_async("the relay says so", SOON, async || {
        (!relay.health.snapshot().ready).then_some(())
    })
    .await;
    nats.unpause();
    let messages = published(&nats, &store).await;
    assert_true(&messages, &all_events(&*store).await);
    relay.stop().await;
}
