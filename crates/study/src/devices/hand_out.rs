//! Which device has which stack.

use std::time::Instant;

use isoflop_plan::CellId;
use isoflop_speed::share;

use super::message::Order;
use super::pace::Pace;
use super::train::Work;
use crate::events::Reports;

/// Seconds that a device is taken to need for a stack which it is to have only if nobody else does.
const LAST: f64 = 1e12;
/// The same for one that it is not expected to hold.
const CANNOT: f64 = 1e15;

impl Work<'_, '_, '_> {
    /// Gives stacks to places that are free.
    pub(super) fn hand_out(&mut self) {
        let over = self.waiting.is_empty() && self.running.is_empty();
        if over || self.comparison.is_under_way() {
            return self.hand_out_comparison();
        }
        (self.changed, self.looked) = (false, Instant::now());
        let devices = &self.crew.devices;
        let others = devices.iter().filter(|device| device.is_there()).count() > 1;
        // Seconds of every device for every stack that waits.
        let cost = |device: usize, stack: usize, left: f64| {
            let seconds = self.paces[device].seconds(&self.stacks[stack], left);
            match (others, self.holds[device][stack], self.fatal.get(&stack)) {
                (true, false, _) => CANNOT,
                // A device that ended at it is the last to have it again.
                (true, true, Some(on)) if on.contains(&device) => LAST,
                _ => seconds,
            }
        };
        let left = self.waiting.iter().map(|&stack| (stack, self.training.flops_left(stack)));
        let left: Vec<(usize, f64)> = left.collect();
        let of = |device: usize| left.iter().map(move |&(stack, left)| cost(device, stack, left));
        let seconds: Vec<Vec<f64>> =
            (0..devices.len()).map(|device| of(device).collect()).collect();
        // The free places, those at work, and those that are about to ask. A device that is being opened takes what is left then.
        let free = |device: usize| std::iter::repeat_n(device, devices[device].free);
        let mut places: Vec<usize> = (0..devices.len()).flat_map(free).collect();
        let mut free_in = vec![0.0; places.len()];
        let are_free = places.len();
        for (&stack, &device) in &self.running {
            let left = self.training.flops_left(stack);
            places.push(device);
            free_in.push(self.paces[device].seconds(&self.stacks[stack], left));
        }
        for (index, device) in devices.iter().enumerate().filter(|(_, d)| d.ready.is_some()) {
            let busy = self.running.values().filter(|&&on| on == index).count();
            let to_come = device.places.saturating_sub(device.free + busy);
            places.extend(std::iter::repeat_n(index, to_come));
            free_in.resize(places.len(), 0.0);
        }
        let shared = share(&free_in, 0..left.len(), |place, piece| seconds[places[place]][piece]);
        let given: Vec<(usize, usize)> = places
            .iter()
            .zip(&shared.places)
            .take(are_free)
            .filter_map(|(&device, pieces)| Some((device, left[*pieces.first()?].0)))
            .collect();
        let known = self.paces.iter().any(Pace::is_known) && shared.seconds < LAST;
        self.training.expect(known.then_some(shared.seconds));
        for (device, stack) in given {
            let ended = |id: &&CellId| self.ledger.is_done(id);
            let cells = self.stacks[stack].cells.iter().map(|cell| &cell.id);
            let done = cells.filter(ended).cloned().collect();
            self.waiting.retain(|&other| other != stack);
            self.give(device, stack, done, Vec::new());
        }
        for index in 0..self.crew.devices.len() {
            let device = &mut self.crew.devices[index];
            if device.free > 0 && !self.waiting.is_empty() && !self.idle[index] {
                self.idle[index] = true;
                let id = &device.id;
                self.training.observer().note(format!(
                    "{id}: it waits, since the others are done with the rest sooner"
                ));
            }
        }
    }

    /// Has a free place train a stack but for what is `done`; cells that are to be trained `again` may have ended there.
    pub(super) fn give(&mut self, on: usize, stack: usize, done: Vec<CellId>, again: Vec<CellId>) {
        self.running.insert(stack, on);
        self.idle[on] = false;
        let device = &mut self.crew.devices[on];
        device.free -= 1;
        device.order(&Order::Train { stack, done, again });
    }
}
