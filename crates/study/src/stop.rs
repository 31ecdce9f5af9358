//! A request to stop.

/// Who may ask a study to stop. Asked at every event of training, from several threads.
pub trait Stop: Sync {
    /// Why to stop, in words (`Ctrl-C`), once it is asked for: a checkpoint is then written, and [`run`](crate::run) returns.
    fn asked(&self) -> Option<String>;

    /// Training begins, or is over: while it is under way there is something to save first.
    fn saving(&self, under_way: bool) {
        let _ = under_way;
    }
}

/// Never asks.
pub struct Never;

impl Stop for Never {
    fn asked(&self) -> Option<String> {
        None
    }
}
