//! Where things are kept: the XDG Base Directory Specification on Linux, the usual folders on macOS and Windows.
//!
//! Pure: the environment is passed in. A variable that is empty or holds no absolute path is ignored, as the
//! specification asks.

use std::path::{Path, PathBuf};

/// Neither `HOME` (on Windows: `USERPROFILE`) nor the variables that would replace it are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The home folder is not known: set the variable HOME.")]
pub struct NoHome;

/// Whose habits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// XDG.
    Unix,
    /// `~/Library`, unless an XDG variable is set.
    MacOs,
    /// `%APPDATA%` and `%LOCALAPPDATA%`, unless an XDG variable is set.
    Windows,
}

impl Platform {
    /// The one the program was built for.
    pub const fn current() -> Platform {
        if cfg!(target_os = "macos") {
            Platform::MacOs
        } else if cfg!(windows) {
            Platform::Windows
        } else {
            Platform::Unix
        }
    }
}

/// The folders of the program. None of them is made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The user's home.
    pub home: PathBuf,
    /// Configuration.
    pub config: PathBuf,
    /// Histories.
    pub data: PathBuf,
    /// Logs, and what may be lost without harm.
    pub state: PathBuf,
    /// Sockets and locks, for as long as the user is logged in.
    pub runtime: PathBuf,
}

impl Paths {
    /// The folders on this platform.
    ///
    /// # Errors
    /// [`NoHome`] where the environment does not say enough.
    pub fn new(env: &dyn Fn(&str) -> Option<String>) -> Result<Paths, NoHome> {
        Paths::on(Platform::current(), env)
    }

    /// The folders on a platform.
    ///
    /// # Errors
    /// [`NoHome`] where the environment does not say enough.
    pub fn on(platform: Platform, env: &dyn Fn(&str) -> Option<String>) -> Result<Paths, NoHome> {
        let folder = |name: &str| env(name).map(PathBuf::from).filter(|path| is_absolute(platform, path));
        let home = folder("HOME").or_else(|| (platform == Platform::Windows).then(|| folder("USERPROFILE")).flatten());
        let home = home.ok_or(NoHome)?;
        let below = |parts: &[&str]| parts.iter().fold(home.clone(), |path, part| path.join(part));
        let (config, data, state) = match platform {
            Platform::Unix => (below(&[".config"]), below(&[".local", "share"]), below(&[".local", "state"])),
            Platform::MacOs => {
                let support = below(&["Library", "Application Support"]);
                (support.clone(), support, below(&["Library", "Logs"]))
            }
            Platform::Windows => {
                let local = folder("LOCALAPPDATA").unwrap_or_else(|| below(&["AppData", "Local"]));
                (folder("APPDATA").unwrap_or_else(|| below(&["AppData", "Roaming"])), local.clone(), local)
            }
        };
        let own = |name: &str, usual: PathBuf| folder(name).unwrap_or(usual).join("feedwatch");
        let state = own("XDG_STATE_HOME", state);
        Ok(Paths {
            config: own("XDG_CONFIG_HOME", config),
            data: own("XDG_DATA_HOME", data),
            // Without a runtime folder the state folder is the nearest thing: the user's own, and not shared.
            runtime: folder("XDG_RUNTIME_DIR").map_or_else(|| state.join("run"), |path| path.join("feedwatch")),
            state,
            home,
        })
    }

    /// The configuration that is opened where none is named.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("feeds.toml")
    }

    /// The history where the configuration names none.
    pub fn history_file(&self) -> PathBuf {
        self.data.join("history.db")
    }

    /// A path of the configuration with `~/` replaced by the home folder.
    pub fn expand(&self, path: &Path) -> PathBuf {
        path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| self.home.join(rest))
    }
}

/// Absolute by the platform's own rule, so that every platform can be tested on each.
fn is_absolute(platform: Platform, path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    match platform {
        Platform::Unix | Platform::MacOs => bytes.first() == Some(&b'/'),
        Platform::Windows => matches!(bytes, [_, b':', b'\\' | b'/', ..] | [b'\\', b'\\', ..]) || path.is_absolute(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(platform: Platform, variables: &[(&str, &str)]) -> Result<Paths, NoHome> {
        Paths::on(platform, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_variables_the_usual_folders_are_used() {
        let paths = on(Platform::Unix, &[("HOME", "/home/ann")]).unwrap();
        assert_eq!(paths.config_file(), Path::new("/home/ann/.config/feedwatch/feeds.toml"));
        assert_eq!(paths.history_file(), Path::new("/home/ann/.local/share/feedwatch/history.db"));
        assert_eq!(paths.state, Path::new("/home/ann/.local/state/feedwatch"));
        assert_eq!(paths.runtime, Path::new("/home/ann/.local/state/feedwatch/run"));
    }

    #[test]
    fn xdg_variables_win_on_every_platform() {
        for platform in [Platform::Unix, Platform::MacOs] {
            let variables = [
                ("HOME", "/home/ann"),
                ("XDG_CONFIG_HOME", "/c"),
                ("XDG_DATA_HOME", "/d"),
                ("XDG_STATE_HOME", "/s"),
                ("XDG_RUNTIME_DIR", "/run/user/7"),
            ];
            let paths = on(platform, &variables).unwrap();
            let folders = [&paths.config, &paths.data, &paths.state, &paths.runtime];
            assert_eq!(
                folders.map(|path| path.to_str().unwrap()),
                ["/c/feedwatch", "/d/feedwatch", "/s/feedwatch", "/run/user/7/feedwatch"]
            );
        }
    }

    #[test]
    fn a_relative_xdg_variable_is_ignored() {
        let paths =
            on(Platform::Unix, &[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "here"), ("XDG_DATA_HOME", "")]).unwrap();
        assert_eq!(paths.config, Path::new("/home/ann/.config/feedwatch"));
        assert_eq!(paths.data, Path::new("/home/ann/.local/share/feedwatch"));
    }

    #[test]
    fn macos_and_windows_have_their_own_folders() {
        let paths = on(Platform::MacOs, &[("HOME", "/Users/ann")]).unwrap();
        assert_eq!(paths.data, Path::new("/Users/ann/Library/Application Support/feedwatch"));
        let paths = on(Platform::Windows, &[("USERPROFILE", "C:\\Users\\ann"), ("APPDATA", "C:\\Roaming")]).unwrap();
        assert_eq!(paths.config, Path::new("C:\\Roaming").join("feedwatch"));
        assert_eq!(paths.data, Path::new("C:\\Users\\ann").join("AppData").join("Local").join("feedwatch"));
    }

    #[test]
    fn without_a_home_there_are_no_folders() {
        assert_eq!(on(Platform::Unix, &[]), Err(NoHome));
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let paths = on(Platform::Unix, &[("HOME", "/home/ann")]).unwrap();
        assert_eq!(paths.expand(Path::new("~/a/b.db")), Path::new("/home/ann/a/b.db"));
        assert_eq!(paths.expand(Path::new("/a/~/b.db")), Path::new("/a/~/b.db"));
    }
}
