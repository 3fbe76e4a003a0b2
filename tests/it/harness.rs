//! The harness itself: if this fails, no other result means anything.

use std::path::PathBuf;

use daybook_tests::{Nats, Postgres, process};
use sqlx::Connection;

async fn answer_of(postgres: &Postgres, question: &str) -> Result<String, sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect(&postgres.url()).await?;
    let answer = sqlx::query_scalar(sqlx::AssertSqlSafe(question))
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_comes_back_after_a_kill_with_what_was_committed() {
    let mut postgres = Postgres::start();
    answer_of(
        &postgres,
        "WITH made AS (SELECT set_config('search_path', 'public', false)) SELECT 'x' FROM made",
    )
    .await
    .unwrap();
    let mut connection = sqlx::PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
        .execute(&mut connection)
        .await
        .unwrap();
    postgres.kill9();
    assert!(answer_of(&postgres, "SELECT word FROM kept").await.is_err());
    postgres.restart();
    let word = answer_of(&postgres, "SELECT word FROM kept").await.unwrap();
    assert_eq!(word, "here");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_comes_back_after_a_kill_on_the_same_port_and_forgets_deleted_storage() {
    let mut nats = Nats::start();
    let url = nats.url();
    let stream_names = async || {
        let client = async_nats::connect(&url).await.unwrap();
        let context = async_nats::jetstream::new(client);
        context.get_stream("kept").await.is_ok()
    };
    let client = async_nats::connect(&url).await.unwrap();
    async_nats::jetstream::new(client)
        .create_stream(async_nats::jetstream::stream::Config {
            name: "kept".to_owned(),
            subjects: vec!["kept".to_owned()],
            ..Default::default()
        })
        .await
        .unwrap();
    nats.kill9();
    nats.restart();
    assert_eq!(nats.url(), url);
    assert!(stream_names().await);
    nats.kill9();
    nats.delete_storage();
    nats.restart();
    assert!(!stream_names().await);
}

#[test]
fn nothing_is_left_of_a_server_that_was_dropped() {
    let (postgres, nats) = (Postgres::start(), Nats::start());
    let directories = [
        PathBuf::from(postgres.url().split_once("host=").unwrap().1),
        nats.storage().parent().unwrap().to_owned(),
    ];
    assert!(!process::processes_of(&directories[0]).is_empty());
    drop((postgres, nats));
    for directory in directories {
        assert!(!directory.exists(), "{} is left", directory.display());
        assert_eq!(process::processes_of(&directory), []);
    }
}
