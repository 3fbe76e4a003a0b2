use std::sync::Arc;

use super::*;

fn caller(claims: &Value) -> Result<Arc<Caller>, AuthError> {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    signer.verifier().verify(&signer.sign(claims), NOW)
}

fn granted(grants: Value) -> Arc<Caller> {
    caller(&with("grants", grants)).unwrap()
}

#[test]
fn the_effect_is_the_union_of_the_grants_that_cover_the_scope() {
    let caller = granted(json!([
        {"ledgers": ["acme"], "roles": ["reader"]},
        {"ledgers": ["shop-*"], "roles": ["writer"]},
        {"ledgers": ["acme", "shop-1"], "roles": ["idle"]},
    ]));
    let table = [
        ("acme", true, true, false),
        ("shop-1", true, true, true),
        ("shop-", true, true, true),
        ("shop", false, false, false),
        ("acme2", false, false, false),
        ("", false, false, false),
        ("*", false, false, false),
    ];
    for (scope, covers, read, write) in table {
        assert_eq!(caller.covers(scope), covers, "{scope}");
        assert_eq!(caller.allows("things:read", scope), read, "{scope}");
        assert_eq!(caller.allows("things:write", scope), write, "{scope}");
    }
    assert!(caller.allows_anywhere("things:write") && !caller.allows_anywhere("things:burn"));
    assert_eq!(caller.patterns_with("things:read"), ["acme", "shop-*"]);
}

#[test]
fn roles_and_scopes_at_the_top_are_one_more_grant() {
    let mut claims = with("grants", json!([{"ledgers": ["b"], "roles": ["reader"]}]));
    claims["roles"] = json!(["writer"]);
    claims["ledgers"] = json!(["a"]);
    let both = caller(&claims).unwrap();
    assert!(both.allows("things:write", "a") && both.allows("things:read", "b"));
    assert!(!both.allows("things:write", "b"));

    let mut claims = with("grants", Value::Null);
    claims["roles"] = json!(["writer"]);
    let nowhere = caller(&claims).unwrap();
    assert!(!nowhere.covers("a") && !nowhere.allows_anywhere("things:write"));
}

#[test]
fn a_role_that_is_unknown_gives_nothing_and_the_token_stands() {
    let caller = granted(json!([{"ledgers": ["acme"], "roles": ["root", "reader", "Writer"]}]));
    assert!(caller.allows("things:read", "acme") && !caller.allows("things:write", "acme"));
    let none = granted(json!([{"ledgers": ["acme"], "roles": ["root"]}]));
    assert!(none.covers("acme") && !none.allows("things:read", "acme"));
}

#[test]
fn a_token_without_grants_is_somebody_who_may_nothing() {
    let caller = caller(&with("grants", Value::Null)).unwrap();
    assert!(!caller.covers("acme") && !caller.allows_anywhere("things:read"));
}

#[test]
fn a_grant_that_is_narrowed_to_accounts_refuses_the_token() {
    for accounts in [json!(["users:1:*"]), json!([]), json!(null), json!("x")] {
        let mut grant = json!({"ledgers": ["acme"], "roles": ["writer"]});
        grant["accounts"] = accounts.clone();
        let refused = caller(&with("grants", json!([grant]))).unwrap_err();
        assert_eq!(refused, AuthError::Malformed, "{accounts}");
        let mut top = good();
        top["accounts"] = accounts;
        assert_eq!(caller(&top).unwrap_err(), AuthError::Malformed);
    }
}
