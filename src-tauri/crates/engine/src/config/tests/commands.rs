//! Secrets that a program prints, or that the keyring has.

use super::super::resolve_secrets;
use super::{read, said};

#[test]
fn a_command_is_a_list_of_words_and_none_of_them_is_repeated() {
    for (secret, place, part) in [
        ("{ command = \"vault --password s3cr3t\" }", "3:22", "a command is a list"),
        ("{ command = [] }", "3:22", "this names no program"),
        ("{ command = [\" \", \"s3cr3t\"] }", "3:22", "this names no program"),
        ("{ command = [\"a\", 5, \"s3cr3t\"] }", "3:28", "should be a list of texts"),
        ("{ command = [\"a\", \"s3cr3t\"], env = \"A\" }", "3:10", "needs one of env, file, keyring and command"),
        ("{ command = [\"a\\u0000\", \"s3cr3t\"] }", "3:22", "at most 100 words of 4KiB"),
        ("{ comand = [\"a\", \"s3cr3t\"] }", "3:12", "did you mean \"command\"?"),
    ] {
        let said = said(&format!("[feed.a.sse]\nurl = \"https://h/\"\nbearer = {secret}\n"));
        assert!(said.contains(&format!("feeds.toml:{place}: ")) && said.contains(part), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let said = said("[feed.a.sse]\nurl = \"https://h/\"\nheaders = { command = [\"a\", \"s3cr3t\"] }\n");
    assert!(said.contains("not the name of its header") && !said.contains("s3cr3t"), "{said}");
}

#[test]
fn a_program_is_looked_for_and_not_run() {
    let text = |program: &str| {
        format!("[feed.a.sse]\nurl = \"https://h/\"\nbearer = {{ command = [\"{program}\", \"s3cr3t\"] }}\n")
    };
    let looked_for = |program: &str| {
        let env = |name: &str| (name == "PATH").then(|| "/nowhere:/bin:/usr/bin".to_owned());
        resolve_secrets(&read(&text(program)), &env).map(|_| ()).map_err(|problems| problems.to_string())
    };
    assert_eq!(looked_for("false"), Ok(()));
    assert_eq!(looked_for("/bin/false"), Ok(()));
    for program in ["no-such-program-here", "bin/none", "/bin"] {
        let said = looked_for(program).unwrap_err();
        assert!(said.contains("feeds.toml:3:10: there is no program") && said.contains("PATH"), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn a_name_in_the_keyring_can_be_typed_as_it_is_and_is_not_asked_for_at_the_start() {
    let text = |secret: &str| format!("[feed.a.sse]\nurl = \"https://h/\"\nbearer = {secret}\n");
    let config = read(&text("{ keyring = \"plant.spot_1-a\" }"));
    assert_eq!(resolve_secrets(&config, &|_| None).map(|_| ()), Ok(()));
    let long = format!("{{ keyring = \"{}\" }}", "s3cr3t".repeat(11));
    for (secret, place, part) in [
        ("{ keyring = \"s3cr3t key\" }", "3:22", "up to 64 letters"),
        ("{ keyring = \"--s3cr3t\" }", "3:22", "up to 64 letters"),
        ("{ keyring = \"\" }", "3:22", "up to 64 letters"),
        (&long, "3:22", "up to 64 letters"),
        ("{ keyring = [\"s3cr3t\"] }", "3:22", "should be a text"),
        ("{ keyring = \"s3cr3t\", file = \"a\" }", "3:10", "needs one of env, file, keyring and command"),
        ("{ keyrng = \"s3cr3t\" }", "3:12", "did you mean \"keyring\"?"),
    ] {
        let said = said(&text(secret));
        assert!(said.contains(&format!("feeds.toml:{place}: ")) && said.contains(part), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}
