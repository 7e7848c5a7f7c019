//! The file with the master key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::keys::{FileError, Master};

#[test]
fn a_missing_master_key_is_made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");

    let made = Master::load_or_create(&path).unwrap();

    assert_eq!(Master::load_or_create(&path).unwrap(), made);
    assert!(Master::new(&made, &[]).is_ok());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_master_key_that_others_may_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    Master::load_or_create(&path).unwrap();
    for (mode, is_refused) in
        [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true), (0o601, true)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let read = Master::load_or_create(&path);
        assert_eq!(matches!(read, Err(FileError::Open { .. })), is_refused, "{mode:o}");
        if let Err(refused) = read {
            let said = refused.to_string();
            assert!(said.contains(&format!("(mode {mode:04o})")) && said.contains("chmod 600"), "{said}");
        }
    }
}

#[test]
fn a_master_key_in_a_folder_that_is_not_there_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let said = Master::load_or_create(&folder.path().join("no/master.key")).unwrap_err().to_string();
    assert!(said.contains("no/master.key") && said.contains("cannot be made"), "{said}");
}

#[test]
fn of_many_who_make_the_master_key_at_once_all_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let barrier = std::sync::Barrier::new(16);

    let keys: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            barrier.wait();
            Master::load_or_create(&path).unwrap()
        };
        let all: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    assert!(keys.iter().all(|key| *key == keys[0] && Master::new(key, &[]).is_ok()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
