//! What the feed may do to a projector: messages by hand, doubled, reordered, lost and untrue.

use std::sync::Arc;

use async_nats::HeaderMap;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{LedgerId, Position};
use daybook_events::names::{
    JETSTREAM, PARTITIONS, SUBJECT_APPLIED_PREFIX, SUBJECT_EVENTS_ALL, SUBJECT_HEARTBEAT, header,
    partition_of, subject_of,
};
use daybook_store::port::EventStore;
use daybook_tests::{Nats, Postgres, temp_store};
use futures_util::StreamExt as _;

use super::naive::all_events;
use super::support::{
    LEDGERS, SOON, assert_views_equal_the_fold, caught_up, opened, reader, start_projector,
};

/// A stream that the test feeds by hand, with truthful heartbeats beside it.
struct ByHand {
    client: async_nats::Client,
    jetstream: async_nats::jetstream::Context,
    generation: String,
}

impl ByHand {
    async fn new(nats: &Nats, store: &Arc<dyn EventStore>) -> Self {
        let client = async_nats::connect(nats.url()).await.unwrap();
        let jetstream = async_nats::jetstream::new(client.clone());
        jetstream
            .create_stream(async_nats::jetstream::stream::Config {
                name: JETSTREAM.to_owned(),
                subjects: vec![SUBJECT_EVENTS_ALL.to_owned()],
                ..Default::default()
            })
            .await
            .unwrap();
        let generation = store.head().await.unwrap().generation.to_string();
        Self {
            client,
            jetstream,
            generation,
        }
    }

    async fn publish(&self, from: Position, events: &[RecordedEvent]) {
        let Some(last) = events.last() else { return };
        let mut payload = Vec::new();
        for event in events {
            event.write_feed_line(&mut payload);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::GENERATION, self.generation.as_str());
        headers.insert(header::PARTITIONS, PARTITIONS.to_string());
        headers.insert(header::FROM, from.to_string());
        headers.insert(header::TO, last.position.to_string());
        let partition = partition_of(&last.ledger, PARTITIONS);
        let subject = subject_of(partition, &last.ledger);
        let ack = self
            .jetstream
            .publish_with_headers(subject, headers, payload.into())
            .await;
        ack.unwrap().await.unwrap();
    }

    async fn beat(&self, events: &[RecordedEvent], head: Position) {
        let last = |partition: u16| {
            let ours = |event: &&RecordedEvent| {
                partition_of(&event.ledger, PARTITIONS) == partition && event.position <= head
            };
            events
                .iter()
                .rev()
                .find(ours)
                .map_or(0, |event| event.position.get())
        };
        let beat = serde_json::json!({
            "generation": self.generation, "partitions": PARTITIONS, "head": head,
            "last": {"0": last(0), "1": last(1), "2": last(2), "3": last(3)},
        });
        let json = serde_json::to_vec(&beat).unwrap();
        self.client
            .publish(SUBJECT_HEARTBEAT, json.into())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_doubled_reordered_and_lost_leave_the_views_as_they_are() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 11).await;
    let hand = ByHand::new(&nats, &store).await;
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    let mut dice = 12_345_usize;
    let mut roll = |sides: usize| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for _ in 0..6 {
        let before = store.head().await.unwrap().position;
        history.write(&LEDGERS, 12).await;
        let events = all_events(&*store).await;
        for partition in 0..PARTITIONS {
            let ours: Vec<RecordedEvent> = events
                .iter()
                .filter(|event| event.position > before)
                .filter(|event| partition_of(&event.ledger, PARTITIONS) == partition)
                .cloned()
                .collect();
            let mut messages: Vec<(Position, &[RecordedEvent])> = Vec::new();
            let (mut from, mut rest) = (before, &ours[..]);
            while !rest.is_empty() {
                let same = rest
                    .iter()
                    .take_while(|event| event.ledger == rest[0].ledger)
                    .count();
                let (run, after) = rest.split_at(roll(same) + 1);
                messages.push((from, run));
                from = run[run.len() - 1].position;
                rest = after;
            }
            let mut sent = Vec::new();
            for (index, message) in messages.iter().enumerate() {
                match roll(6) {
                    0 => {}
                    1 => sent.extend([*message, *message]),
                    2 => sent.extend([*message, messages[roll(index + 1)]]),
                    _ => sent.push(*message),
                }
            }
            for _ in 0..sent.len() / 3 {
                let (a, b) = (roll(sent.len()), roll(sent.len()));
                sent.swap(a, b);
            }
            for (from, run) in sent {
                hand.publish(from, run).await;
            }
        }
        let head = store.head().await.unwrap().position;
        hand.beat(&events, head).await;
        caught_up(&store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
    }
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_true_is_outvoted_by_the_store() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 12).await;
    let hand = ByHand::new(&nats, &store).await;
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    let before = store.head().await.unwrap().position;
    for attempt in 0..3 {
        // Heartbeats make the projector rely on the feed, which then lies.
        let events = all_events(&*store).await;
        hand.beat(&events, before).await;
        let mut forged = events[events.len() - 1].clone();
        forged.position = store.head().await.unwrap().position.plus(1);
        match attempt {
            0 => forged.data = bytes::Bytes::from_static(b"{}"),
            1 => forged.meta = bytes::Bytes::from_static(b"[]"),
            _ => forged.revision = forged.revision.plus(7),
        }
        let from = Position::new(0);
        history.post("acme", 3, false).await;
        hand.publish(from, &[forged]).await;
        hand.client
            .publish("daybook.events.0.a", "no headers, no sense".into())
            .await
            .unwrap();
        caught_up(&store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
    }
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_is_announced_with_the_ledgers_it_touched() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 13).await;
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let partition = partition_of(&LedgerId::parse("acme").unwrap(), PARTITIONS);
    let subject = format!("{SUBJECT_APPLIED_PREFIX}.books.{partition}");
    let mut heard = client.subscribe(subject).await.unwrap();
    // The first one says that the projector's own connection stands.
    tokio::time::timeout(SOON, heard.next())
        .await
        .unwrap()
        .unwrap();
    history.post("acme", 1, false).await;
    let acme = LedgerId::parse("acme").unwrap();
    let revision = store.last_revision(&acme).await.unwrap().unwrap().get();
    let (mut touched, mut idle) = (false, false);
    for _ in 0..10 {
        let message = tokio::time::timeout(SOON, heard.next())
            .await
            .unwrap()
            .unwrap();
        let said: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(
            (said["projection"].as_str(), said["version"].as_i64()),
            (Some("books"), Some(1))
        );
        touched |= said["ledgers"]["acme"].as_u64() == Some(revision);
        idle |= said["ledgers"]
            .as_object()
            .is_some_and(serde_json::Map::is_empty);
        if touched && idle {
            break;
        }
    }
    assert!(
        touched && idle,
        "a commit names its ledgers, a heartbeat names none"
    );
    projector.stop().await;
}
