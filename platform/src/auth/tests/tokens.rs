use super::*;

fn refusal(signer: &Signer, token: &str) -> AuthError {
    signer.verifier().verify(token, NOW).unwrap_err()
}

#[test]
fn a_token_of_each_accepted_algorithm_is_verified() {
    for algorithm in [
        Algorithm::EdDSA,
        Algorithm::ES256,
        Algorithm::RS256,
        Algorithm::PS256,
    ] {
        let signer = Signer::new("k1", algorithm);
        let caller = signer
            .verifier()
            .verify(&signer.sign(&good()), NOW)
            .unwrap();
        assert_eq!(
            (caller.iss.as_str(), caller.sub.as_str()),
            (ISSUER, "ann"),
            "{algorithm:?}"
        );
        assert!(caller.allows("things:write", "acme") && !caller.covers("other"));
        let other = Signer::new("k1", algorithm);
        assert_eq!(
            refusal(&signer, &other.sign(&good())),
            AuthError::Signature,
            "{algorithm:?}"
        );
    }
}

#[test]
fn algorithm_none_is_refused_in_every_spelling() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({"alg": alg, "kid": "k1"}).to_string();
        let message = format!(
            "{}.{}",
            b64(header.as_bytes()),
            b64(good().to_string().as_bytes())
        );
        for token in [
            format!("{message}."),
            message.clone(),
            format!("{message}.AAAA"),
        ] {
            let refused = refusal(&signer, &token);
            assert!(
                matches!(refused, AuthError::Malformed | AuthError::Algorithm),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn a_public_key_used_as_an_hmac_secret_is_refused() {
    let signer = Signer::new("k1", Algorithm::RS256);
    let secrets = [
        signer.jwk["n"].to_string(),
        signer.jwk.to_string(),
        "k1".to_owned(),
    ];
    for secret in secrets {
        for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let forger = Signer {
                kid: "k1",
                algorithm: alg,
                key: EncodingKey::from_secret(secret.as_bytes()),
                jwk: Value::Null,
            };
            assert_eq!(
                refusal(&signer, &forger.sign(&good())),
                AuthError::Algorithm
            );
        }
    }
}

#[test]
fn a_key_verifies_only_with_the_algorithm_it_is_pinned_to() {
    let signer = Signer::new("k1", Algorithm::RS256);
    let same_key = Signer {
        algorithm: Algorithm::PS256,
        ..Signer::new("k1", Algorithm::RS256)
    };
    let same_key = Signer {
        key: signer.key.clone(),
        ..same_key
    };
    assert_eq!(
        refusal(&signer, &same_key.sign(&good())),
        AuthError::Algorithm
    );
}

#[test]
fn times_are_judged_with_the_leeway_and_no_more() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = signer.verifier();
    let cases = [
        (with("exp", json!(NOW - 9)), Ok(())),
        (with("exp", json!(NOW - 10)), Err(AuthError::Expired)),
        (with("exp", json!(0)), Err(AuthError::Expired)),
        (with("exp", json!(u64::MAX)), Ok(())),
        (with("nbf", json!(NOW + 10)), Ok(())),
        (with("nbf", json!(NOW + 11)), Err(AuthError::NotYet)),
        (with("nbf", json!(u64::MAX)), Err(AuthError::NotYet)),
        (with("nbf", json!(NOW - 100)), Ok(())),
    ];
    for (claims, expected) in cases {
        let result = verifier.verify(&signer.sign(&claims), NOW).map(drop);
        assert_eq!(result, expected, "{claims}");
    }
}

#[test]
fn a_leeway_beyond_thirty_seconds_is_cut() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let mut config = AuthConfig::new(vec![signer.issuer()], AUDIENCE);
    config.leeway_s = 3600;
    let verifier = Verifier::new(config, ROLES);
    let token = |age_s| signer.sign(&with("exp", json!(NOW - age_s)));
    assert!(verifier.verify(&token(29), NOW).is_ok());
    assert_eq!(
        verifier.verify(&token(30), NOW).unwrap_err(),
        AuthError::Expired
    );
}

#[test]
fn a_required_claim_that_is_missing_or_of_a_wrong_type_refuses_the_token() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    for name in ["iss", "sub", "aud", "exp"] {
        let token = signer.sign(&with(name, Value::Null));
        assert_eq!(
            refusal(&signer, &token),
            AuthError::Malformed,
            "without {name}"
        );
        for wrong in [json!(true), json!({}), json!([1])] {
            let token = signer.sign(&with(name, wrong.clone()));
            assert_eq!(
                refusal(&signer, &token),
                AuthError::Malformed,
                "{name}: {wrong}"
            );
        }
    }
    let wrong = [
        ("exp", json!((NOW + 600).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(1.8e9)),
        ("nbf", json!((NOW + 600).to_string())),
        ("nbf", json!("")),
        ("nbf", json!([NOW])),
        ("iss", json!([ISSUER])),
        ("sub", json!("")),
        ("grants", json!({"ledgers": ["*"], "roles": ["writer"]})),
        ("grants", json!([{"ledgers": "*", "roles": ["writer"]}])),
        ("grants", json!([{"roles": ["writer"]}])),
        ("roles", json!("writer")),
    ];
    for (name, value) in wrong {
        let token = signer.sign(&with(name, value.clone()));
        assert_eq!(
            refusal(&signer, &token),
            AuthError::Malformed,
            "{name}: {value}"
        );
    }
    let claims = good().to_string().replacen('{', "{\"nbf\":null,", 1);
    let token = signer.sign_text(&signer.header().to_string(), &claims);
    assert_eq!(refusal(&signer, &token), AuthError::Malformed, "nbf: null");
}

#[test]
fn audience_and_issuer_must_be_ours() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = signer.verifier();
    let result = |claims: Value| verifier.verify(&signer.sign(&claims), NOW).map(drop);
    assert_eq!(result(with("aud", json!(["x", AUDIENCE]))), Ok(()));
    for aud in [
        json!("other"),
        json!([]),
        json!(["x"]),
        json!(""),
        json!("BOOKS"),
    ] {
        assert_eq!(
            result(with("aud", aud.clone())),
            Err(AuthError::Audience),
            "{aud}"
        );
    }
    for iss in ["", "https://issuer.example/", "https://evil.example"] {
        assert_eq!(
            result(with("iss", json!(iss))),
            Err(AuthError::UnknownKey),
            "{iss}"
        );
    }
}

#[test]
fn a_key_of_one_issuer_does_not_speak_for_another() {
    let (one, two) = (
        Signer::new("k1", Algorithm::EdDSA),
        Signer::new("k1", Algorithm::EdDSA),
    );
    let second = Issuer {
        name: "https://second.example".to_owned(),
        ..two.issuer()
    };
    let config = AuthConfig::new(vec![one.issuer(), second], AUDIENCE);
    let verifier = Verifier::new(config, ROLES);
    assert!(verifier.verify(&one.sign(&good()), NOW).is_ok());
    let own = with("iss", json!("https://second.example"));
    assert!(
        verifier.verify(&two.sign(&own), NOW).is_ok(),
        "equal key ids of two issuers"
    );
    assert_eq!(
        verifier.verify(&two.sign(&good()), NOW).unwrap_err(),
        AuthError::UnknownKey
    );
}

#[test]
fn a_key_id_that_is_unknown_absent_or_hostile_is_refused() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    for kid in [json!("k2"), json!(""), json!("../k1"), json!("k1\0")] {
        let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
        let token = signer.sign_text(&header, &good().to_string());
        assert_eq!(refusal(&signer, &token), AuthError::UnknownKey, "{kid}");
    }
    let token = signer.sign_text(r#"{"alg":"EdDSA"}"#, &good().to_string());
    assert_eq!(refusal(&signer, &token), AuthError::UnknownKey);
    let token = signer.sign_text(r#"{"alg":"EdDSA","kid":7}"#, &good().to_string());
    assert_eq!(refusal(&signer, &token), AuthError::Malformed);
}

#[test]
fn a_key_inside_the_token_is_not_believed_and_critical_extensions_are_refused() {
    let (signer, forger) = (
        Signer::new("k1", Algorithm::EdDSA),
        Signer::new("k1", Algorithm::EdDSA),
    );
    let header = json!({"alg": "EdDSA", "kid": "k1", "jwk": forger.jwk, "jku": "https://evil"});
    let token = forger.sign_text(&header.to_string(), &good().to_string());
    assert_eq!(refusal(&signer, &token), AuthError::Signature);
    let header = json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"], "b64": false});
    let token = signer.sign_text(&header.to_string(), &good().to_string());
    assert_eq!(refusal(&signer, &token), AuthError::Malformed);
}

#[test]
fn a_claim_that_is_given_twice_refuses_the_token() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let good = good().to_string();
    for twice in [
        r#"{"sub":"bob","#,
        r#"{"exp":1,"#,
        r#"{"aud":"other","#,
        r#"{"iss":"x","#,
        r#"{"grants":[],"#,
        r#"{"nbf":1,"nbf":99999999999,"#,
    ] {
        let token = signer.sign_text(&signer.header().to_string(), &good.replacen('{', twice, 1));
        assert_eq!(refusal(&signer, &token), AuthError::Malformed, "{twice}");
    }
    let inner = good.replacen(r#"{"ledgers""#, r#"{"ledgers":["*"],"ledgers""#, 1);
    assert_ne!(inner, good);
    let token = signer.sign_text(&signer.header().to_string(), &inner);
    assert_eq!(refusal(&signer, &token), AuthError::Malformed);
    let header = r#"{"alg":"HS256","alg":"EdDSA","kid":"k1"}"#;
    let token = signer.sign_text(header, &good);
    assert_eq!(refusal(&signer, &token), AuthError::Malformed);
}

#[test]
fn any_change_of_payload_header_or_signature_is_refused() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = signer.verifier();
    let token = signer.sign(&good());
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verifier.verify(&changed, NOW).is_err(), "byte {at}");
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    let forged = with("sub", json!("root")).to_string();
    let (header, _) = message.split_once('.').unwrap();
    let forged = format!("{header}.{}.{signature}", b64(forged.as_bytes()));
    assert_eq!(
        verifier.verify(&forged, NOW).unwrap_err(),
        AuthError::Signature
    );
    for cut in [message, header, "", ".", "..", "...", "a.b.c", "é.é.é"] {
        assert!(verifier.verify(cut, NOW).is_err(), "{cut}");
    }
    assert!(
        verifier.verify(&format!("{token}="), NOW).is_err(),
        "padding"
    );
    assert!(verifier.verify(&format!(" {token}"), NOW).is_err(), "space");
    assert!(verifier.verify(&token, NOW).is_ok());
}

#[test]
fn a_token_beyond_eight_kibibytes_is_refused_unread() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let padded = |length: usize| signer.sign(&with("pad", json!("x".repeat(length))));
    let fits = padded(5_000);
    assert!(fits.len() <= 8 * 1024 && signer.verifier().verify(&fits, NOW).is_ok());
    assert_eq!(refusal(&signer, &padded(8_000)), AuthError::TooLong);
    assert_eq!(refusal(&signer, &"a".repeat(1 << 20)), AuthError::TooLong);
}
