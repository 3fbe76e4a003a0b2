//! The history over HTTP is the history in the store, byte for byte.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::EventType;
use daybook_events::ids::LedgerId;
use daybook_store::EventStore as _;
use daybook_tests::{Answer, client};
use reqwest::Method;

use super::book::revision;
use super::fixture::Fixture;

async fn ndjson(fixture: &Fixture, query: &str) -> Answer {
    let path = format!("/v1/ledgers/acme/events{query}");
    let request = fixture.client.request(Method::GET, &path);
    client::sent(request.header("Accept", "application/x-ndjson"))
        .await
        .checked(200)
}

async fn stored(fixture: &Fixture) -> Vec<RecordedEvent> {
    let acme = LedgerId::parse("acme").unwrap();
    fixture
        .temp
        .store
        .read_ledger(&acme, revision(0), 10_000)
        .await
        .unwrap()
}

fn lines<'a>(events: impl IntoIterator<Item = &'a RecordedEvent>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        event.write_line(&mut bytes);
        bytes.push(b'\n');
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_history_is_streamed_byte_for_byte() {
    let (fixture, mut book) = Fixture::with_acme().await;
    for number in 0..1200 {
        book.post("acme", "assets:bank", "users:1", number + 1)
            .await;
    }
    let stored = stored(&fixture).await;
    let whole = ndjson(&fixture, "").await;
    assert_eq!(whole.header("Content-Type"), Some("application/x-ndjson"));
    assert_eq!(whole.revision(), book.revision("acme"));
    assert!(whole.body == lines(&stored), "the stream equals the store");
    let rest = ndjson(&fixture, "?after=1000").await;
    assert!(rest.body == lines(&stored[1001..]));
    let few = ndjson(&fixture, "?after=3&limit=2").await;
    assert!(few.body == lines(&stored[4..6]));
    let opened = ndjson(&fixture, "?type=LedgerOpened&type=AccountOpened").await;
    assert!(opened.body == lines(&stored[..5]));
    assert!(ndjson(&fixture, "?after=99999").await.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_history_hold_the_same_bytes() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let stored = stored(&fixture).await;
    let first = fixture
        .client
        .get("/v1/ledgers/acme/events?limit=3")
        .await
        .checked(200);
    let page = String::from_utf8(first.body.to_vec()).unwrap();
    let text = String::from_utf8(lines(&stored[..3])).unwrap();
    let expected = text.trim_end().replace('\n', ",");
    assert!(
        page.starts_with(&format!("{{\"data\":[{expected}],\"next_cursor\":\"")),
        "{page}"
    );
    let mut revisions = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/ledgers/acme/events?limit=3&type=TransactionPosted{cursor}");
        let page = fixture.client.get(&path).await.expect(200);
        for event in page["data"].as_array().unwrap() {
            revisions.push(event["revision"].as_u64().unwrap());
        }
        assert_eq!(page["revision"], stored.len() - 1, "the walk is pinned");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        book.post("acme", "assets:bank", "users:1", 1).await;
    }
    assert_eq!(revisions, [5, 6, 7, 8]);
    let after = fixture
        .client
        .get("/v1/ledgers/acme/events?after=7&limit=1")
        .await
        .expect(200);
    assert_eq!(after["data"][0]["revision"], 8);
    assert_eq!(after["has_more"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_event_can_be_asked_for() {
    let (fixture, ..) = Fixture::with_all().await;
    let stored = stored(&fixture).await;
    for wanted in EventType::ALL {
        let of_type = |event: &&RecordedEvent| event.event_type == *wanted;
        assert!(stored.iter().any(|event| of_type(&event)), "{wanted}");
        let found = ndjson(&fixture, &format!("?type={wanted}")).await;
        assert!(
            found.body == lines(stored.iter().filter(of_type)),
            "{wanted}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_for_auditors_and_takes_no_other_parameters() {
    let (fixture, _) = Fixture::with_acme().await;
    let reader = fixture.client_as("reader", "acme");
    let answer = reader.get("/v1/ledgers/acme/events").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    for wrong in [
        "after=-1",
        "after=x",
        "type=Unknown",
        "limit=0",
        "limit=1001",
        "order=desc",
    ] {
        let answer = fixture
            .client
            .get(&format!("/v1/ledgers/acme/events?{wrong}"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "validation"),
            "{wrong}"
        );
    }
}
