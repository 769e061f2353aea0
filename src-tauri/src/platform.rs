//! What differs between desktops, in one place. Only Linux has been run.

/// Settles the environment. Must be the first thing `main` does.
pub fn prepare() {
    #[cfg(target_os = "linux")]
    if std::env::var_os("WEBKIT_DISABLE_DMABUF_RENDERER").is_none() && !has_gpu() {
        // Without a GPU this takes the page from 20 to 60 frames a second at half the CPU.
        // SAFETY: no other thread exists yet, so nobody reads the environment meanwhile.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        }
    }
}

#[cfg(target_os = "linux")]
fn has_gpu() -> bool {
    let nodes = std::fs::read_dir("/dev/dri");
    nodes.is_ok_and(|nodes| nodes.flatten().any(|node| node.file_name().to_string_lossy().starts_with("renderD")))
}

/// Is there a screen to open a window on? Without one the desktop's library panics.
pub fn has_display() -> bool {
    #[cfg(target_os = "linux")]
    {
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        true
    }
}

/// Is the library there that a tray icon needs? Without it making one panics.
pub fn has_tray() -> bool {
    #[cfg(target_os = "linux")]
    {
        const NAMES: [&str; 2] = ["libayatana-appindicator3.so.1", "libappindicator3.so.1"];
        let folders = ["/usr/lib", "/usr/lib64", "/lib", "/usr/local/lib"];
        let multiarch = concat_arch();
        folders.iter().any(|folder| {
            NAMES.iter().any(|name| {
                let folder = std::path::Path::new(folder);
                folder.join(name).exists() || folder.join(&multiarch).join(name).exists()
            })
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        true
    }
}

#[cfg(target_os = "linux")]
fn concat_arch() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// Tells and reloads when the page's own process has crashed: without this the window would stand still, silently.
#[cfg(target_os = "linux")]
pub fn watch_web_process(window: &tauri::WebviewWindow) {
    use webkit2gtk::WebViewExt as _;
    let watched = window.with_webview(|webview| {
        webview.inner().connect_web_process_terminated(|view, reason| {
            tracing::error!(?reason, "the window's page has crashed; it is loaded again");
            view.reload();
        });
    });
    if let Err(error) = watched {
        tracing::warn!(%error, "a crash of the page would go unnoticed");
    }
}

/// Ends the program in order when the desktop or a person asks it to by SIGTERM, SIGINT or SIGHUP: what is in the queues
/// is written first. Must be called on the main thread.
#[cfg(target_os = "linux")]
pub fn end_on_signals(app: &tauri::AppHandle) {
    const SIGHUP: i32 = 1;
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let app = app.clone();
        webkit2gtk::glib::unix_signal_add_local_once(signal, move || app.exit(0));
    }
}

/// The system's own way to end a program is in order.
#[cfg(not(target_os = "linux"))]
pub fn end_on_signals(_app: &tauri::AppHandle) {}

/// Nothing to watch here.
#[cfg(not(target_os = "linux"))]
pub fn watch_web_process(_window: &tauri::WebviewWindow) {}
