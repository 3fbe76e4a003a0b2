use std::time::Instant;

use super::*;

const JSON: &str = "Content-Type: application/json\r\n";

fn chunked(body: &str) -> String {
    format!(
        "Transfer-Encoding: chunked\r\n{JSON}\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_413() {
    let toy = toy();
    let (fits, long) = ("x".repeat(BODY_MAX), "x".repeat(BODY_MAX + 1));
    let answer = toy.send_body("POST", "/open", JSON, &fits).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, fits.as_str()));
    let answer = toy.send_body("POST", "/open", JSON, &long).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too_large")
    );

    let head = "POST /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let answer = toy
        .raw(format!("{head}{}", chunked(&fits)).as_bytes())
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, fits.as_str()));
    let answer = toy
        .raw(format!("{head}{}", chunked(&long)).as_bytes())
        .await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too_large")
    );
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_is_refused_before_the_body() {
    let toy = toy();
    let head = format!("POST /open HTTP/1.1\r\nHost: x\r\n{JSON}");
    let answer = toy
        .raw(format!("{head}Content-Length: 99999999999\r\n\r\n").as_bytes())
        .await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too_large")
    );
}

#[tokio::test]
async fn an_endless_chunked_body_is_cut_off() {
    let toy = toy();
    let mut socket = TcpStream::connect(toy.addr).await.unwrap();
    let head =
        format!("POST /open HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let sending = async {
        for _ in 0..1_000 {
            socket.write_all(chunk.as_bytes()).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<(), std::io::Error>(())
    };
    let cut = sending.await;
    assert!(cut.is_err(), "the service went on reading");
    assert!(started.elapsed() < Duration::from_secs(9));
}

#[tokio::test]
async fn a_slow_body_is_answered_408_and_the_connection_is_closed() {
    let toy = toy();
    for framing in [
        "Content-Length: 10\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\n",
    ] {
        let started = Instant::now();
        let head = format!("POST /open HTTP/1.1\r\nHost: x\r\n{JSON}{framing}x");
        let answer = toy.raw(head.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (408, "request_timeout")
        );
        let took = started.elapsed();
        assert!(
            took >= BODY_TIMEOUT && took < Duration::from_secs(5),
            "{framing:?} {took:?}"
        );
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_is_415() {
    let toy = toy();
    let accepted = [
        "application/json",
        "APPLICATION/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/x-ndjson",
    ];
    for media in accepted {
        let headers = format!("Content-Type: {media}\r\n");
        assert_eq!(
            toy.send_body("POST", "/open", &headers, "{}").await.status,
            200,
            "{media}"
        );
    }
    let refused = [
        "text/plain",
        "application/jsonx",
        "application/json+x",
        "application/json; charset=latin1",
        "application/x-www-form-urlencoded",
        "",
        "*/*",
    ];
    for media in refused {
        let headers = format!("Content-Type: {media}\r\n");
        let answer = toy.send_body("POST", "/open", &headers, "{}").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (415, "media_type"),
            "{media}"
        );
    }
    let answer = toy.send_body("POST", "/open", "", "{}").await;
    assert_eq!(answer.status, 415, "no media type");
    let two = format!("{JSON}Content-Type: text/plain\r\n");
    let answer = toy.send_body("POST", "/open", &two, "{}").await;
    assert_eq!(answer.status, 415, "two media types");
    assert_eq!(
        toy.send("POST", "/open", "").await.status,
        200,
        "nothing needs no media type"
    );
    assert_eq!(toy.send_body("POST", "/any", "", "{}").await.status, 200);
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let toy = toy();
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let headers = format!("{JSON}Content-Encoding: {encoding}\r\n");
        let answer = toy.send_body("POST", "/open", &headers, "{}").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "validation"),
            "{encoding}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], "Content-Encoding");
    }
    let headers = format!("{JSON}Content-Encoding: identity\r\n");
    assert_eq!(
        toy.send_body("POST", "/open", &headers, "{}").await.status,
        200
    );
}

#[tokio::test]
async fn a_body_is_not_read_for_a_caller_who_may_not_send_it() {
    let toy = toy();
    let head = "POST /things/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n";
    let started = Instant::now();
    let answer = toy.raw(head.as_bytes()).await;
    assert_eq!(answer.status, 401);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    let toy = toy();
    let framings = [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +2\r\n",
        "Transfer-Encoding: identity, chunked, x\r\n",
    ];
    for framing in framings {
        let request = format!(
            "POST /open HTTP/1.1\r\nHost: x\r\n{JSON}{framing}\r\n0\r\n\r\nGET /me HTTP/1.1\r\n\r\n"
        );
        let answer = toy.raw(request.as_bytes()).await;
        assert_eq!(answer.status, 400, "{framing}");
        assert_eq!(
            answer.body.matches("HTTP/1.1").count(),
            0,
            "one answer: {framing}"
        );
    }
}
