use std::path::Path;

use super::*;
use crate::clock;
use crate::config::{self, Config};

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

fn paths() -> Paths {
    Paths::new(&|name| (name == "HOME").then(|| "/nowhere".to_owned())).unwrap()
}

async fn said(command: &[&str]) -> Result<String, String> {
    run(&words(command), &paths()).await
}

#[tokio::test]
async fn what_a_program_prints_is_the_secret() {
    assert_eq!(said(&["printf", "%s-%s", "abc", "$HOME ;"]).await, Ok("abc-$HOME ;".to_owned()), "there is no shell");
    assert_eq!(said(&["cat"]).await, Ok(String::new()), "there is no input");
}

#[tokio::test]
async fn a_program_that_fails_is_told_without_its_words_and_without_what_it_says() {
    for (command, part) in [
        (&["sh", "-c", "echo s3cr3t; echo s3cr3t >&2; exit 3", "s3cr3t"][..], "ended with exit status: 3"),
        (&["no-such-program-here", "s3cr3t"], "cannot be run"),
        (&["head", "-c", "70000", "/dev/zero", "--", "/dev/null"], "prints more than 64 KiB"),
        (&["printf", "\\377s3cr3t"], "prints what is no text"),
        (&["sh", "-c", "kill -9 $$"], "ended with signal: 9"),
    ] {
        let error = said(command).await.unwrap_err();
        assert!(error.contains(part) && error.contains("Run it by hand"), "{command:?}: {error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    assert!(run(&[], &paths()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_hangs_is_given_up() {
    let error = said(&["tail", "-f", "/dev/null"]).await.unwrap_err();
    assert!(error.contains("has not ended within 10 s"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_program_has_started_ends_with_it_when_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (number, more) = (folder.path().join("number"), folder.path().join("more"));
    let is_there = |process: &str| {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
        // One that nobody has waited for yet is over too.
        !state.is_empty() && !state.contains(") Z ")
    };
    let wait_for = async |condition: &dyn Fn() -> bool| {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let number_of = || std::fs::read_to_string(&number).unwrap_or_default();

    // It is dropped, as at the end of the engine.
    let script = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", number.display());
    let running = tokio::spawn(async move { said(&["sh", "-c", &script]).await });
    wait_for(&|| !number_of().is_empty()).await;
    let child = number_of();
    assert!(is_there(&child));
    running.abort();
    wait_for(&|| !is_there(&child)).await;

    // What it leaves behind on purpose stays: agents are started so.
    let script = format!("sleep 600 > /dev/null & echo $! > {}; echo token", more.display());
    assert_eq!(said(&["sh", "-c", &script]).await.as_deref(), Ok("token\n"));
    let left = std::fs::read_to_string(&more).unwrap();
    assert!(is_there(&left));
    assert!(std::process::Command::new("kill").arg(left.trim()).status().unwrap().success());
}

fn table(folder: &Path, lines: &str) -> Config {
    let text = format!("[feed.a.websocket]\nurl = \"wss://h/\"\n{lines}\n");
    config::parse(&text, &folder.join("feeds.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn renewing(config: &Config) -> Renewing {
    let credentials = Credentials::default();
    let (paths, purpose) = (paths(), Purpose::Watch);
    let (clock, credentials, paths) = (clock::now, &credentials, &paths);
    let given = Given { feed: "a", own: "a", in_turns: false, credentials, paths, clock, purpose, format: None };
    Renewing::new(&config.feeds[0].source, &given, Proof::of(&config.feeds[0]).as_ref())
}

#[tokio::test]
async fn a_file_is_read_at_each_connection_and_a_program_is_run_when_it_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("token"), "t1").unwrap();
    // A program that counts how often it is run.
    let (runs, printed) = (file("runs"), file("printed"));
    std::fs::write(&printed, "p1").unwrap();
    let script = format!("echo >> {}; cat {}", runs.display(), printed.display());
    let config = table(
        folder.path(),
        &format!("bearer = {{ file = \"token\" }}\nquery = {{ key = {{ command = [\"sh\", \"-c\", \"{script}\"] }} }}"),
    );
    let times = || std::fs::read_to_string(&runs).unwrap_or_default().lines().count();
    let renewing = renewing(&config);
    let is_new = async |refused| renewing.source(refused).await.unwrap().is_some();
    assert!(is_new(false).await && !is_new(false).await);
    assert_eq!(times(), 1, "it is remembered");
    std::fs::write(file("token"), "t2").unwrap();
    assert!(is_new(false).await);
    std::fs::write(&printed, "p2").unwrap();
    assert!(!is_new(false).await, "as long as it is accepted");
    assert_eq!(times(), 1);
    assert!(is_new(true).await);
    assert!(!is_new(true).await, "nothing else is to be had");
    assert_eq!(times(), 3);
    std::fs::remove_file(&printed).unwrap();
    let error = renewing.source(true).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("ended with exit status") && error.is_permanent(), "{error}");
    std::fs::write(&printed, "p3").unwrap();
    assert!(is_new(false).await, "one that failed is run again");
    std::fs::write(&printed, " ").unwrap();
    let error = renewing.source(true).await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "The output of \"sh\" is empty. Put the secret there, and nothing else.");
}

#[test]
fn a_feed_without_secrets_is_as_it_was() {
    let none = table(Path::new("/"), "headers = { A = \"b\" }");
    assert!(!crate::config::has_secrets(none.feeds[0].source.configured()));
    let some = table(Path::new("/"), "proxy = { env = \"P\" }");
    assert!(crate::config::has_secrets(some.feeds[0].source.configured()));
}

#[tokio::test]
async fn the_keyring_is_asked_at_each_connection_and_says_what_is_wrong() {
    static SAYS: Mutex<&str> = Mutex::new("k1");
    let config = table(Path::new("/"), "bearer = { keyring = \"spot\" }");
    let mut renewing = renewing(&config);
    renewing.keyring = |name| {
        assert_eq!(name, "spot");
        let said = *SAYS.lock().unwrap();
        let wrong = || ("the keyring with the entry \"spot\" is locked".to_owned(), "unlock it".to_owned());
        Box::pin(async move { if said == "locked" { Err(wrong()) } else { Ok(said.as_bytes().to_vec()) } })
    };
    let is_new = async || renewing.source(false).await.map(|source| source.is_some());
    let says = |text: &'static str| *SAYS.lock().unwrap() = text;
    assert_eq!((is_new().await, is_new().await), (Ok(true), Ok(false)));
    says("k2");
    assert_eq!(is_new().await, Ok(true));
    says("locked");
    let error = is_new().await.unwrap_err();
    assert_eq!(error.to_string(), "The keyring with the entry \"spot\" is locked. Unlock it.");
    says(" ");
    let error = is_new().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "The entry \"spot\" of the keyring is empty. Put the secret there, and nothing else."
    );
    says("two\nlines");
    let error = is_new().await.unwrap_err().to_string();
    assert!(
        error.starts_with("The entry \"spot\" of the keyring holds characters") && !error.contains("two"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_says_too_much_or_nothing_is_given_up() {
    let nothing = entry("spot", |_| Box::pin(std::future::pending())).await.unwrap_err();
    assert!(nothing.contains("has not answered within 10 s"), "{nothing}");
    let much = entry("spot", |_| Box::pin(async { Ok(vec![b'x'; 65 << 10]) })).await.unwrap_err();
    assert!(much.contains("more than 64 KiB") && !much.contains("xxx"), "{much}");
    let bytes = entry("spot", |_| Box::pin(async { Ok(vec![0xFF]) })).await.unwrap_err();
    assert!(bytes.contains("is no text"), "{bytes}");
}

#[tokio::test]
async fn the_key_of_signatures_is_looked_up_at_each_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hmac");
    std::fs::write(&file, "k1\n").unwrap();
    let config = table(folder.path(), "[feed.a.signature]\nkey = { file = \"hmac\" }");
    let proof = Proof::of(&config.feeds[0]).unwrap();
    assert_eq!(proof.take(), None, "nothing has connected");
    let mut renewing = renewing(&config);
    renewing.proof = Some(proof.clone());
    let key = |text: &str| Some(feedwatch_decode::SignatureKey::secret(text));
    assert!(renewing.source(false).await.unwrap().is_some());
    assert_eq!((proof.take(), proof.take()), (key("k1"), None));
    std::fs::write(&file, "k2\n").unwrap();
    assert!(renewing.source(false).await.unwrap().is_none(), "the source is the same");
    assert_eq!((proof.take(), proof.take()), (key("k2"), None));
    std::fs::remove_file(&file).unwrap();
    let error = renewing.source(false).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("hmac\" cannot be read"), "{error}");
    assert!(!format!("{proof:?}").contains("k2"));
}
