use std::sync::Arc;

use super::*;

#[test]
fn a_remembered_token_is_the_same_caller_and_still_expires() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = signer.verifier();
    let token = signer.sign(&with("nbf", json!(NOW - 5)));
    let first = verifier.verify(&token, NOW).unwrap();
    let second = verifier.clone().verify(&token, NOW + 1).unwrap();
    assert!(
        Arc::ptr_eq(&first, &second),
        "the second answer is from memory"
    );
    assert!(verifier.verify(&token, NOW + 609).is_ok());
    assert_eq!(
        verifier.verify(&token, NOW + 610).unwrap_err(),
        AuthError::Expired
    );
    assert_eq!(
        verifier.verify(&token, NOW - 16).unwrap_err(),
        AuthError::NotYet
    );
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token, NOW).unwrap()));
}

#[test]
fn a_change_of_keys_forgets_every_verified_token() {
    let (old, new) = (
        Signer::new("k1", Algorithm::EdDSA),
        Signer::new("k2", Algorithm::EdDSA),
    );
    let verifier = old.verifier();
    let other_handle = verifier.clone();
    let token = old.sign(&good());
    assert!(verifier.verify(&token, NOW).is_ok());
    other_handle.replace_issuers(vec![new.issuer()]);
    assert_eq!(
        verifier.verify(&token, NOW).unwrap_err(),
        AuthError::UnknownKey
    );
    assert!(verifier.verify(&new.sign(&good()), NOW).is_ok());
}

#[test]
fn the_memory_is_bounded_and_refused_tokens_do_not_enter_it() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let mut config = AuthConfig::new(vec![signer.issuer()], AUDIENCE);
    config.cache_max = 10;
    let verifier = Verifier::new(config, ROLES);
    for index in 0..100 {
        let token = signer.sign(&with("sub", json!(format!("caller {index}"))));
        verifier.verify(&token, NOW).unwrap();
    }
    assert!(
        (1..=10).contains(&verifier.remembered()),
        "{}",
        verifier.remembered()
    );

    let fresh = signer.verifier();
    for index in 0..20 {
        let expired = with("exp", json!(NOW - 60 - index));
        assert!(fresh.verify(&signer.sign(&expired), NOW).is_err());
    }
    assert_eq!(fresh.remembered(), 0);
}
