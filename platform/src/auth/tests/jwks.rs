use super::*;

fn key(algorithm: Algorithm) -> Value {
    Signer::new("k1", algorithm).jwk
}

fn changed(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn without(mut jwk: Value, name: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(name).unwrap();
    jwk
}

#[test]
fn a_hostile_or_careless_key_refuses_the_whole_file_and_is_named() {
    let ed = || key(Algorithm::EdDSA);
    let es = || key(Algorithm::ES256);
    let rs = || key(Algorithm::RS256);
    let hmac = json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "k9"});
    let cases = [
        ("a secret key", hmac),
        ("no kid", without(ed(), "kid")),
        ("an empty kid", changed(ed(), "kid", json!(""))),
        ("no alg", without(rs(), "alg")),
        ("HS256 on an RSA key", changed(rs(), "alg", json!("HS256"))),
        ("RS512", changed(rs(), "alg", json!("RS512"))),
        ("ES384", changed(es(), "alg", json!("ES384"))),
        ("RSA-OAEP", changed(rs(), "alg", json!("RSA-OAEP"))),
        ("none", changed(rs(), "alg", json!("none"))),
        ("EdDSA on an RSA key", changed(rs(), "alg", json!("EdDSA"))),
        (
            "RS256 on an Ed25519 key",
            changed(ed(), "alg", json!("RS256")),
        ),
        ("another curve", changed(es(), "crv", json!("P-384"))),
        ("for encryption", changed(rs(), "use", json!("enc"))),
        ("a short modulus", changed(rs(), "n", json!("AQAB"))),
        ("not base64url", changed(ed(), "x", json!("!!!"))),
        ("a truncated point", changed(ed(), "x", json!("AAAA"))),
        ("a number as kid", changed(ed(), "kid", json!(7))),
        ("null", Value::Null),
    ];
    for (what, jwk) in cases {
        let second = Signer::new("k2", Algorithm::EdDSA).jwk;
        let text = json!({"keys": [second, jwk]}).to_string();
        let refused = KeySet::from_jwks(&text);
        assert!(refused.is_err(), "{what}: {refused:?}");
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert!(KeySet::from_jwks(text).is_err(), "{text}");
    }
}

#[test]
fn two_keys_with_one_id_and_too_many_keys_are_refused() {
    let twice = json!({"keys": [key(Algorithm::EdDSA), key(Algorithm::ES256)]}).to_string();
    assert!(KeySet::from_jwks(&twice).unwrap_err().contains("taken"));
    let ed = key(Algorithm::EdDSA);
    let many: Vec<Value> = (0..65)
        .map(|index| changed(ed.clone(), "kid", json!(format!("k{index}"))))
        .collect();
    assert!(KeySet::from_jwks(&json!({"keys": many[1..]}).to_string()).is_ok());
    assert!(KeySet::from_jwks(&json!({"keys": many}).to_string()).is_err());
}

#[test]
fn a_key_file_is_read_by_size_and_named_when_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let absent = KeySet::from_jwks_file(&path).unwrap_err().to_string();
    assert!(absent.contains("jwks.json"), "{absent}");
    std::fs::write(&path, json!({"keys": [key(Algorithm::ES256)]}).to_string()).unwrap();
    assert_eq!(
        format!("{:?}", KeySet::from_jwks_file(&path).unwrap()),
        "{\"k1\"}"
    );
    std::fs::write(&path, " ".repeat(256 * 1024 + 1)).unwrap();
    let large = KeySet::from_jwks_file(&path).unwrap_err().to_string();
    assert!(large.contains("bytes"), "{large}");
}
