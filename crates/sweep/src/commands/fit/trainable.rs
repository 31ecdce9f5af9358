//! Proposed runs as cells that a study of the same family can train: its widths, its data, and repeats near the minima.

use isoflop::Folder;
use isoflop_fit::Counting;
use isoflop_fit::plan::NextRun;
use isoflop_fit::study::Study;
use isoflop_plan::{CellSize, CellSpec, Convention, Design, Grid, Length, Shape};
use serde::Serialize;

/// Passes over the data of a proposed run, at most (Muennighoff et al. 2023).
const EPOCHS: f64 = 4.0;
/// Largest slices of which the run nearest to the minimum is repeated.
const REPEATED: usize = 2;
/// Budgets this near to one of the study's are taken to it, as a ratio.
const NEAR: f64 = 1.1;

/// Cells to train, and the lines that ask for them.
#[derive(Debug, Serialize)]
pub struct Trainable {
    pub cells: Vec<TrainableCell>,
    /// `[grid]` of a configuration that trains them in a folder of their own.
    pub toml: String,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainableCell {
    pub width: usize,
    /// Training FLOPs, as the study's convention counts them.
    pub flops: f64,
    pub params: f64,
    pub tokens: f64,
    /// A seed that the study has not.
    pub seed: u64,
    /// Whether it repeats a run of the study, to tell the noise at a minimum.
    pub repeats: bool,
}

/// The cells nearest to the proposals, the most worth first, then the repeats. What cannot be trained is not among them: too few
/// steps, too many passes over the data.
pub fn trainable(folder: &Folder, study: &Study, next: &[NextRun]) -> Trainable {
    let convention = match study.options.convention {
        Counting::AsGiven => Convention::Exact,
        Counting::By(convention) => convention,
    };
    let seed = folder.grid.cells.iter().map(|cell| cell.cell.seed).max().unwrap_or(0) + 1;
    let place = Place { folder, convention, seed };
    let new = next.iter().filter_map(|run| place.nearest(run));
    let mut cells: Vec<TrainableCell> = Vec::new();
    for cell in new.chain(place.repeats(study)) {
        let known = |other: &TrainableCell| (other.width, other.flops) == (cell.width, cell.flops);
        if !cells.iter().any(known) && place.can_train(&cell) {
            cells.push(cell);
        }
    }
    let line = |cell: &TrainableCell| {
        format!("    {{ width = {}, flops = {:e} }},\n", cell.width, cell.flops)
    };
    let lines: String = cells.iter().map(line).collect();
    let toml = format!("[grid]\ncells = [\n{lines}]\nseeds = [{seed}]\n");
    Trainable { cells, toml }
}

/// The study that they are for.
struct Place<'a> {
    folder: &'a Folder,
    convention: Convention,
    seed: u64,
}

impl Place<'_> {
    /// The width and budget nearest to a proposal.
    fn nearest(&self, run: &NextRun) -> Option<TrainableCell> {
        let ladder = self.folder.config.model.even_ladder(self.folder.grid.data.vocab);
        let distance = |shape: &Shape| (self.convention.params(shape) / run.params).ln().abs();
        let shape = ladder.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        let slices = self.folder.grid.slices();
        let near = slices.iter().map(|(budget, _)| *budget);
        let near =
            near.min_by(|a, b| (a / run.flops).ln().abs().total_cmp(&(b / run.flops).ln().abs()));
        let round = || format!("{:.1e}", run.flops).parse().ok();
        let flops = match near.filter(|b| (b / run.flops).ln().abs() <= NEAR.ln()) {
            Some(budget) => budget,
            None => round()?,
        };
        Some(self.cell(&shape, flops, false))
    }

    /// The runs nearest to the minima of the largest slices.
    fn repeats(&self, study: &Study) -> Vec<TrainableCell> {
        let slices = study.isoflop().map(|fit| &fit.slices[..]).unwrap_or_default();
        let minima = slices.iter().rev().filter_map(|s| Some((s.flops, s.minimum?.params.point)));
        let nearest = |(flops, best): (f64, f64)| {
            let cells = self.folder.grid.cells.iter().filter(|c| c.is_plain());
            let of_slice = cells.filter(|c| {
                c.cell.budget_flops.is_some_and(|budget| (budget / flops - 1.0).abs() < 1e-9)
            });
            let distance = |shape: &Shape| (self.convention.params(shape) / best).ln().abs();
            let cell = of_slice
                .min_by(|a, b| distance(&a.cell.shape).total_cmp(&distance(&b.cell.shape)))?;
            Some(self.cell(&cell.cell.shape, cell.cell.budget_flops?, true))
        };
        minima.take(REPEATED).filter_map(nearest).collect()
    }

    fn cell(&self, shape: &Shape, flops: f64, repeats: bool) -> TrainableCell {
        TrainableCell {
            width: shape.width,
            flops,
            params: self.convention.params(shape),
            tokens: flops / self.convention.flops_per_token(shape),
            seed: self.seed,
            repeats,
        }
    }

    /// Whether a grid of this cell alone can be, and the data feed it.
    fn can_train(&self, cell: &TrainableCell) -> bool {
        let mut config = self.folder.config.clone();
        let grid = &mut config.grid;
        grid.design = Design::Cells(vec![CellSpec {
            size: CellSize::Width(cell.width),
            length: Length::Flops(cell.flops),
            depth: None,
            heads: None,
            hidden: None,
            learning_rate: None,
            batch_tokens: None,
        }]);
        grid.seeds = vec![vec![self.seed]];
        (grid.lr_multipliers, grid.batch_multipliers) = (vec![1.0], vec![1.0]);
        (grid.shapes.depths, grid.shapes.head_counts, grid.shapes.mlp_ratios) = (None, None, None);
        let built = Grid::build(&config, &self.folder.data.facts());
        built.is_ok_and(|grid| grid.most_epochs().is_none_or(|epochs| epochs <= EPOCHS))
    }
}
