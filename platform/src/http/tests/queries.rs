use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn parameters_are_decoded_and_asked_for_by_name() {
    let toy = toy();
    let target = "/query?limit=10&account=a:1&account=b%20c+d&metadata[order%5D=x%26y\
                  &metadata%5Bk%C3%A9%5D=%E2%82%AC&metadata[]=";
    let answer = toy.send("GET", target, "").await;
    let expected = json!([
        "10",
        ["a:1", "b c d"],
        [["order", "x&y"], ["ké", "€"], ["", ""]]
    ]);
    assert_eq!(answer.json(), expected);
    assert_eq!(
        toy.send("GET", "/query", "").await.json(),
        json!([null, [], []])
    );
    assert_eq!(
        toy.send("GET", "/query?limit=", "").await.json(),
        json!(["", [], []])
    );
}

#[tokio::test]
async fn parameters_that_are_unknown_repeated_or_broken_are_400_and_named() {
    let toy = toy();
    let many = format!("/query?{}", "account=a&".repeat(101));
    let cases = [
        ("/query?limt=1", "limt"),
        ("/query?Limit=1", "Limit"),
        ("/query?limit[k]=1", "limit[k]"),
        ("/query?metadata=1", "metadata"),
        ("/query?metadata[k=1", "metadata[k"),
        ("/query?metadataxk]=1", "metadataxk]"),
        ("/query?limit=1&limit=1", "limit"),
        ("/query?limit=1&%6Cimit=2", "limit"),
        ("/query?account=%ff", "account"),
        ("/query?account=%C3", "account"),
        ("/query?account=%", "account"),
        ("/query?account=%4", "account"),
        ("/query?account=%zz", "account"),
        ("/query?account=%+1", "account"),
        ("/query?=1", ""),
        (many.as_str(), "at most"),
    ];
    for (target, named) in cases {
        let answer = toy.send("GET", target, "").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "validation"),
            "{target}"
        );
        let body = answer.json();
        let pointer = body["errors"][0]["pointer"].as_str();
        let detail = body["detail"].as_str().unwrap();
        assert!(
            pointer == Some(named) || detail.contains(named),
            "{target}: {body}"
        );
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(pairs in prop::collection::vec((".{1,8}", ".{0,8}"), 0..20)) {
        let text: Vec<String> =
            pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        let request = actix_web::test::TestRequest::with_uri(&format!("/?{}", text.join("&")));
        let query = Query::parse(&request.to_http_request()).unwrap();
        prop_assert_eq!(query.left(), pairs);
    }
}
