//! Checkpoints along the way.

use std::path::Path;
use std::time::Instant;

use super::{Run, spent};
use crate::checkpoint;
use crate::error::TrainError;
use crate::event::{Control, Event, Overhead};

impl Run<'_> {
    /// Writes a checkpoint, in another folder where the caller names one.
    pub(super) fn save(
        &mut self,
        events: &mut dyn FnMut(Event) -> Control,
    ) -> Result<(), TrainError> {
        let Some(mut folder) = self.options.checkpoint_dir.clone() else { return Ok(()) };
        events(Event::Saving { folder: &mut folder });
        let began = Instant::now();
        let tried = folder.clone();
        let write = |folder: &Path| {
            let path = checkpoint::path(folder, self.stack);
            checkpoint::write(&path, self.stack, &self.state).map(|()| path)
        };
        let path = write(&folder).or_else(|error| {
            events(Event::Saving { folder: &mut folder });
            if folder == tried { Err(error) } else { write(&folder) }
        })?;
        spent(events, Overhead::Checkpoint, began);
        events(Event::Checkpoint { path, step: self.step() });
        Ok(())
    }
}
