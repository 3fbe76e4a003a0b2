use std::time::Instant;

use super::*;
use crate::tasks::Group;

#[tokio::test]
async fn health_metrics_and_documents_are_served() {
    let toy = toy();
    crate::metrics::install().unwrap();
    let part = toy.health.part("store");
    assert_eq!(toy.send("GET", "/livez", "").await.status, 200);
    let answer = toy.send("GET", "/readyz", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json()["parts"]["store"],
        json!({"ready": false, "detail": "starting"})
    );
    part.ready("open");
    let answer = toy.send("GET", "/readyz", "").await;
    assert_eq!(
        (answer.status, answer.json()["ready"].as_bool()),
        (200, Some(true))
    );

    toy.send("GET", "/things/x-1", "").await;
    toy.send("BREW", "/no/such/x-2", "").await;
    let answer = toy.send("GET", "/metrics", "").await;
    let line =
        "daybook_http_requests_total{route=\"/things/{ledger}\",method=\"GET\",status=\"401\"} 1";
    assert!(answer.body.contains(line), "{}", answer.body);
    assert!(
        answer.body.contains("route=\"unmatched\",method=\"other\""),
        "{}",
        answer.body
    );
    assert!(
        !answer.body.contains("x-1") && !answer.body.contains("x-2"),
        "labels are bounded"
    );

    let answer = toy.send("GET", "/openapi.json", "").await;
    assert_eq!(answer.json()["info"]["title"], "Toy");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = toy.send("GET", "/docs", "").await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(answer.body.contains("<h1>Toy"));
}

#[test]
fn an_occupied_port_is_one_clear_line() {
    let first = bind("127.0.0.1:0").unwrap();
    let address = first.addr().to_string();
    let refused = bind(&address).unwrap_err().to_string();
    assert!(
        refused.contains(&first.addr().port().to_string()),
        "{refused}"
    );
    assert!(
        refused.contains("in use") && !refused.contains('\n'),
        "{refused}"
    );
    let refused = bind("nowhere").unwrap_err().to_string();
    assert!(refused.contains("nowhere"), "{refused}");
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_end_and_takes_no_other() {
    let toy = toy();
    let mut socket = TcpStream::connect(toy.addr).await.unwrap();
    let head = "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    toy.token.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    socket.write_all(b"}").await.unwrap();
    let answer = read_answer(&mut socket).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    let late = TcpStream::connect(toy.addr).await;
    assert!(late.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_listener_is_a_part_of_the_group_and_ends_with_it() {
    let mut group = Group::new();
    let bound = bind("127.0.0.1:0").unwrap();
    let addr = bound.addr();
    let token = group.token();
    let limits = ServerDefaults {
        workers: 1,
        ..server_defaults()
    };
    group.spawn(
        "http",
        serve(
            bound,
            limits,
            |_: &mut web::ServiceConfig| {},
            token.clone(),
        ),
    );
    let idle = TcpStream::connect(addr).await.unwrap();
    let started = Instant::now();
    token.cancel();
    group.wait(10).await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "an idle connection does not hold it"
    );
    drop(idle);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let toy = toy();
    let started = Instant::now();
    let answer = toy.raw(b"GET /open HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert_eq!(answer.status, 408);
    assert!(started.elapsed() < Duration::from_secs(9));
    let huge = format!("GET /open HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let mut socket = TcpStream::connect(toy.addr).await.unwrap();
    let sent = socket.write_all(huge.as_bytes()).await;
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        sent.is_err() || read.is_err() || !text.starts_with("HTTP/1.1 200"),
        "{text}"
    );
}
