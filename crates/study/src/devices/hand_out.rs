//! Which device has which stack.

use std::time::Instant;

use isoflop_plan::CellId;
use isoflop_speed::share;

use super::crew::Device;
use super::message::Order;
use super::pace::Pace;
use super::train::Work;
use crate::events::Reports;

/// Seconds that a device is taken to need for a stack which it is to have only if nobody else does.
const LAST: f64 = 1e12;

impl Work<'_, '_, '_> {
    /// Gives stacks to places that are free.
    pub(super) fn hand_out(&mut self) {
        (self.changed, self.looked) = (false, Instant::now());
        let others = self.crew.devices.iter().filter(|device| device.is_there()).count() > 1;
        let seconds = |device: usize, stack: usize| {
            let left = self.training.flops_left(stack);
            // A device that a stack ended is the last to have it again.
            let again = self.fatal.get(&stack).is_some_and(|on| on.contains(&device));
            match others && (again || !self.holds[device][stack]) {
                true => LAST,
                false => self.paces[device].seconds(&self.stacks[stack], left),
            }
        };
        // The free places, those at work, and those that are about to ask.
        let free = |device: usize| std::iter::repeat_n(device, self.crew.devices[device].free);
        let mut places: Vec<usize> = (0..self.crew.devices.len()).flat_map(free).collect();
        let mut free_in = vec![0.0; places.len()];
        let are_free = places.len();
        for (&stack, &device) in &self.running {
            places.push(device);
            free_in.push(seconds(device, stack));
        }
        for (index, device) in self.crew.devices.iter().enumerate().filter(|(_, d)| d.is_there()) {
            let busy = self.running.values().filter(|&&on| on == index).count();
            let to_come = device.places.saturating_sub(device.free + busy);
            places.extend(std::iter::repeat_n(index, to_come));
            free_in.resize(places.len(), 0.0);
        }
        let of = |place: usize, stack: usize| seconds(places[place], stack);
        let shared = share(&free_in, self.waiting.iter().copied(), of);
        let given: Vec<(usize, usize)> = places
            .iter()
            .zip(&shared.places)
            .take(are_free)
            .filter_map(|(&device, pieces)| Some((device, *pieces.first()?)))
            .collect();
        let known = self.paces.iter().any(Pace::is_known);
        self.training.expect(known.then_some(shared.seconds));
        let over = self.waiting.is_empty() && self.running.is_empty();
        for (device, stack) in given {
            self.give(device, stack);
        }
        for index in 0..self.crew.devices.len() {
            let device = &mut self.crew.devices[index];
            if over && device.free > 0 {
                device.free = 0;
                device.order(&Order::NoMore);
            } else if device.free > 0 && !self.waiting.is_empty() && !self.idle[index] {
                self.idle[index] = true;
                let id = &device.id;
                self.training.observer().note(format!(
                    "{id}: it waits, since the others are done with the rest sooner"
                ));
            }
        }
    }

    fn give(&mut self, device: usize, stack: usize) {
        let is_done = |id: &&CellId| self.ledger.is_done(id);
        let cells = self.stacks[stack].cells.iter().map(|cell| &cell.id);
        let done = cells.filter(is_done).cloned().collect();
        self.waiting.retain(|&other| other != stack);
        self.running.insert(stack, device);
        self.idle[device] = false;
        let device: &mut Device = &mut self.crew.devices[device];
        device.free -= 1;
        device.order(&Order::Train { stack, done });
    }
}
