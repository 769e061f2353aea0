//! The desktop's keyring: the Secret Service of freedesktop.org, as GNOME Keyring, KWallet and KeePassXC offer it on the bus of the
//! user's session (<https://specifications.freedesktop.org/secret-service/latest/>).
//!
//! An entry is known by the attributes `service = feedwatch` and `username = NAME`, which `secret-tool` and other programs can
//! write. It is read and nothing else: nobody is asked to unlock anything, since a feed that connects at night has nobody to ask.

/// The attribute `service` of our entries.
#[cfg(any(test, all(unix, not(target_os = "macos"))))]
const SERVICE: &str = "feedwatch";

/// The secret of this name; else what is wrong and its cure, as beginnings of sentences. Waits for the bus: the caller
/// bounds the time.
///
/// # Errors
/// There is no keyring, it is locked, or it has no such entry, or more than one.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) async fn read(name: &str) -> Result<Vec<u8>, (String, String)> {
    desktop::read(name).await
}

/// The same where it is not read.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(crate) async fn read(_: &str) -> Result<Vec<u8>, (String, String)> {
    let cure = "have a program print the secret: { command = [\"program\"] }";
    Err(("the keyring of this system is not read".to_owned(), cure.to_owned()))
}

#[cfg(all(unix, not(target_os = "macos")))]
mod desktop {
    use std::collections::HashMap;

    use zbus::{Connection, OwnedObjectPath, Variant};

    use super::{SERVICE, found, no_keyring};

    const BUS_NAME: &str = "org.freedesktop.secrets";
    const AT: &str = "/org/freedesktop/secrets";
    const OF_SERVICE: Option<&str> = Some("org.freedesktop.Secret.Service");
    const OF_ITEM: Option<&str> = Some("org.freedesktop.Secret.Item");

    /// A secret as it crosses the bus: its session, parameters of encryption, the value, its type.
    type Carried = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

    pub(super) async fn read(name: &str) -> Result<Vec<u8>, (String, String)> {
        let gone = |error: zbus::Error| no_keyring(&error.to_string());
        let bus = Connection::session().await.map_err(gone)?;
        let to = || Some(BUS_NAME);
        // Nothing is encrypted on the way: the bus is a socket that only this user can open.
        let opened = bus.call_method(to(), AT, OF_SERVICE, "OpenSession", &("plain", Variant::from(""))).await;
        let opened = opened.map_err(gone)?;
        let session = opened.body().deserialize::<(Variant<'_>, OwnedObjectPath)>().map_err(gone)?.1;

        let attributes = HashMap::from([("service", SERVICE), ("username", name)]);
        let items = bus.call_method(to(), AT, OF_SERVICE, "SearchItems", &(attributes,)).await.map_err(gone)?;
        let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = items.body().deserialize().map_err(gone)?;
        let item = found(name, open, locked.len())?;

        let secret = bus.call_method(to(), item, OF_ITEM, "GetSecret", &(session,)).await.map_err(gone)?;
        let ((_, _, value, _),): (Carried,) = secret.body().deserialize().map_err(gone)?;
        // The session ends with the connection.
        Ok(value)
    }
}

#[cfg(any(test, all(unix, not(target_os = "macos"))))]
fn no_keyring(why: &str) -> (String, String) {
    let cure = "start a desktop session with GNOME Keyring, KWallet or KeePassXC, or keep the secret elsewhere: env, file or \
                command";
    (format!("no keyring answers ({})", why.trim_end_matches('.')), cure.to_owned())
}

/// The only entry that is `open`; `locked` is how many are not.
#[cfg(any(test, all(unix, not(target_os = "macos"))))]
fn found<T>(name: &str, open: Vec<T>, locked: usize) -> Result<T, (String, String)> {
    let what = format!("{SERVICE} {name}");
    let count = open.len();
    let mut open = open.into_iter();
    match (open.next(), count, locked) {
        (Some(item), 1, _) => Ok(item),
        (None, _, 0) => Err((
            format!("the keyring has no entry {name:?}"),
            format!("put it there: secret-tool store --label='Feedwatch {name}' service {SERVICE} username {name}"),
        )),
        (None, _, _) => Err((
            format!("the keyring with the entry {name:?} is locked"),
            "unlock it, as by logging in at the desktop; it is tried again by itself".to_owned(),
        )),
        (Some(_), _, _) => Err((
            format!("the keyring has {count} entries {name:?} ({what})"),
            format!("leave one: secret-tool search --all service {SERVICE} username {name}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{found, no_keyring};

    #[test]
    fn one_open_entry_is_taken_and_all_else_is_told_with_the_cure() {
        assert_eq!(found("spot", vec![7], 0), Ok(7));
        assert_eq!(found("spot", vec![7], 3), Ok(7), "what is locked does not matter then");
        for (open, locked, wrong, cure) in [
            (vec![], 0, "the keyring has no entry \"spot\"", "secret-tool store"),
            (vec![], 1, "the keyring with the entry \"spot\" is locked", "unlock it"),
            (vec![7, 8], 0, "the keyring has 2 entries \"spot\"", "secret-tool search"),
        ] {
            let (message, told) = found("spot", open, locked).unwrap_err();
            assert!(message.contains(wrong) && told.contains(cure), "{message}: {told}");
        }
        let (message, cure) = no_keyring("the name was not provided.");
        assert!(message == "no keyring answers (the name was not provided)" && cure.contains("env, file or command"));
    }
}
