use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

fn claims() -> DevClaims {
    let grant = DevGrant {
        scopes: vec!["*".to_owned()],
        roles: vec!["writer".to_owned()],
    };
    DevClaims {
        sub: "developer".to_owned(),
        grants: vec![grant],
        ttl_s: 60,
    }
}

fn verifier(key: &DevKey) -> Verifier {
    Verifier::new(AuthConfig::new(vec![key.issuer()], DevKey::AUDIENCE), ROLES)
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("keys").join("development.key")
}

#[test]
fn a_development_token_is_verified_by_the_same_key_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = DevKey::load_or_create(&file(&folder)).unwrap();
    let mode = std::fs::metadata(file(&folder))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = made.mint(&claims(), NOW).unwrap();
    let read = DevKey::load_or_create(&file(&folder)).unwrap();
    let caller = verifier(&read).verify(&token, NOW).unwrap();
    assert_eq!(
        (caller.iss.as_str(), caller.sub.as_str()),
        (DevKey::ISSUER, "developer")
    );
    assert!(caller.allows("things:write", "anything"));
    assert_eq!(
        verifier(&read).verify(&token, NOW + 70).unwrap_err(),
        AuthError::Expired
    );
    let files = std::fs::read_dir(file(&folder).parent().unwrap())
        .unwrap()
        .count();
    assert_eq!(files, 1, "no draft is left");
}

#[test]
fn a_token_of_another_development_key_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = DevKey::load_or_create(&file(&one)).unwrap();
    let two = DevKey::load_or_create(&file(&two)).unwrap();
    let token = one.mint(&claims(), NOW).unwrap();
    assert_eq!(
        verifier(&two).verify(&token, NOW).unwrap_err(),
        AuthError::UnknownKey
    );
}

#[test]
fn a_key_file_that_others_may_read_or_that_is_no_key_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    DevKey::load_or_create(&path).unwrap();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&path, open).unwrap();
    let refused = DevKey::load_or_create(&path).unwrap_err().to_string();
    assert!(
        refused.contains("chmod 600") && refused.contains("development.key"),
        "{refused}"
    );
    let shut = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, shut).unwrap();
    for garbage in [&b""[..], b"-----BEGIN", &[0x30; 48]] {
        std::fs::write(&path, garbage).unwrap();
        let refused = DevKey::load_or_create(&path).unwrap_err().to_string();
        assert!(refused.contains("not an Ed25519 key"), "{refused}");
    }
}

#[test]
fn two_processes_that_start_at_once_use_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let keys: Vec<String> = std::thread::scope(|scope| {
        let make = || scope.spawn(|| format!("{:?}", DevKey::load_or_create(&path).unwrap()));
        let threads: Vec<_> = (0..8).map(|_| make()).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
}

#[test]
fn nothing_secret_is_in_the_debug_text() {
    let folder = tempfile::tempdir().unwrap();
    let key = DevKey::load_or_create(&file(&folder)).unwrap();
    assert_eq!(format!("{key:?}").len(), "DevKey(0123456789abcdef)".len());
}
