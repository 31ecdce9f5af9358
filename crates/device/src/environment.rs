//! What has to be said to graphics drivers before the first of them is loaded.

/// Keeps Mesa's device-selection layer from looking for a display where there is none, and from
/// complaining about it on stderr. Call it first in `main`, while there is one thread.
pub fn prepare_environment() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("XDG_RUNTIME_DIR") && !is_set("DISPLAY") && !is_set("NODEVICE_SELECT") {
        // SAFETY: called before any other thread is started.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
