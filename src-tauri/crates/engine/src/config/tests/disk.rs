//! Files as they come.

use std::fs;
use std::path::Path;

use super::super::edit::{EditError, Stamp, open, write, write_secret};
use super::super::*;

#[test]
fn a_missing_file_is_told_without_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feeds.toml");
    let problems = load(&path).unwrap_err();
    let cure = "check the path, or make the file: two lines are enough for a feed";
    assert_eq!(problems.to_string(), format!("{}: there is no such file\n help: {cure}", path.display()));
    assert_eq!((problems.list()[0].line, problems.list()[0].column), (None, None));
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path()).unwrap_err().to_string().contains("this is a folder"));
}

#[test]
fn a_file_that_is_not_utf_8_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feeds.toml");
    fs::write(&path, b"# ok\n# Gr\xFC\xDFe\n").unwrap();
    let problem = &load(&path).unwrap_err().list()[0].clone();
    assert_eq!((problem.line, problem.column), (Some(2), Some(5)));
    assert_eq!(
        (problem.message.as_str(), problem.cure.as_deref()),
        ("the file is not UTF-8", Some("save it as UTF-8"))
    );
}

#[test]
fn a_file_of_more_than_4_mib_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feeds.toml");
    fs::write(&path, "#".repeat(MAX_FILE_BYTES as usize)).unwrap();
    assert_eq!(load(&path), Ok(Config { origin: Origin::default(), ..Config::default() }));
    fs::write(&path, "#".repeat(MAX_FILE_BYTES as usize + 1)).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("larger than 4MiB"));
}

#[test]
fn a_configuration_is_written_into_folders_that_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/feeds.toml");
    assert_eq!(open(&path).unwrap(), (String::new(), Stamp::Absent));
    let stamp = write(&path, "# new\n", Stamp::Absent).unwrap();
    assert_eq!(open(&path).unwrap(), ("# new\n".into(), stamp));
    assert_eq!(names(path.parent().unwrap()), ["feeds.toml"]);
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feeds.toml");
    fs::write(&path, "# mine\n").unwrap();
    let (_, stamp) = open(&path).unwrap();
    fs::write(&path, "# theirs\n").unwrap();
    assert!(matches!(write(&path, "# lost\n", stamp), Err(EditError::Changed(_))));
    assert!(matches!(write(&path, "# lost\n", Stamp::Absent), Err(EditError::Changed(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "# theirs\n");
    assert_eq!(names(folder.path()), ["feeds.toml"]);
}

#[cfg(unix)]
#[test]
fn mode_and_link_of_the_file_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("feeds.toml"));
    fs::write(&real, "# old\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, &link).unwrap();
    let (_, stamp) = open(&link).unwrap();
    write(&link, "# new\n", stamp).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "# new\n");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_secret_that_stands_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets/a.0.token");
    write_secret(&path, "mine").unwrap();
    assert!(matches!(write_secret(&path, "theirs"), Err(EditError::Write { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine\n");
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
