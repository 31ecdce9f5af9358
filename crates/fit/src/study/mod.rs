//! Everything about one table at once: three approaches side by side, the checks, the warnings.

mod checks;
mod compare;
mod dependence;
mod doubts;
mod mistuned;
mod sift;

pub use checks::{LawChecks, check_law};
pub use compare::{ConventionRow, ExponentRow, ObjectiveRow};
pub use dependence::{clusters_ignored, one_seed};
pub use doubts::law_warnings;
pub use mistuned::spoiled_warnings;
pub use sift::{Sifted, sift};

use serde::Serialize;

use crate::compute::ComputeRule;
use crate::counting::Counting;
use crate::envelope::{Curve, EnvelopeFit, EnvelopeOptions, curves_of, fit_envelope};
use crate::error::FitError;
use crate::estimate::check_level;
use crate::forecast::Forecaster;
use crate::isoflop::{
    IsoflopFit, IsoflopOptions, Method, SliceFit, Spoiled, fit_isoflop, slice_minima,
};
use crate::law::LawKind;
use crate::left_out::LeftOut;
use crate::machines::MachineEffects;
use crate::parametric::{FitOptions, LawChoice, LawFit, choose_law, fit_law, without};
use crate::repeats::Repeats;
use crate::table::Table;
use crate::validate::{HeldOut, LeftOutSlice, Outliers, Residuals, ShapeTest};
use crate::warning::Warning;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T> {
    Given(T),
    Refused(FitError),
}

impl<T> Answer<T> {
    pub fn given(&self) -> Option<&T> {
        match self {
            Answer::Given(value) => Some(value),
            Answer::Refused(_) => None,
        }
    }

    pub fn refusal(&self) -> Option<&FitError> {
        match self {
            Answer::Given(_) => None,
            Answer::Refused(error) => Some(error),
        }
    }
}

impl<T> From<Result<T, FitError>> for Answer<T> {
    fn from(result: Result<T, FitError>) -> Self {
        match result {
            Ok(value) => Answer::Given(value),
            Err(error) => Answer::Refused(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StudyOptions {
    pub convention: Counting,
    /// `None`: whichever the runs speak for, see [`choose_law`].
    pub law: Option<LawKind>,
    pub fit: FitOptions,
    /// Approach 2; its method is the first of those compared.
    pub isoflop: IsoflopOptions,
    pub envelope: EnvelopeOptions,
}

impl Default for StudyOptions {
    fn default() -> Self {
        StudyOptions {
            convention: Counting::AsGiven,
            law: None,
            fit: FitOptions::default(),
            isoflop: IsoflopOptions::default(),
            envelope: EnvelopeOptions::default(),
        }
    }
}

impl StudyOptions {
    /// The law for a table: as said, else as chosen, and how.
    pub fn law_for(&self, table: &Table) -> (LawKind, Option<LawChoice>) {
        match self.law {
            Some(law) => (law, None),
            None => {
                let choice = choose_law(table, self.fit.starts);
                (choice.chosen, Some(choice))
            }
        }
    }

    /// Refuses options outside their range.
    ///
    /// # Errors
    /// [`FitError::BadOption`] that names the option.
    pub fn check(&self) -> Result<(), FitError> {
        self.fit.check()?;
        self.isoflop.check()?;
        check_level(self.envelope.level)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct IsoflopRow {
    pub method: Method,
    pub answer: Answer<IsoflopFit>,
    /// Where it refused a power law: the slices, with the minima that there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceFit>,
}

impl IsoflopRow {
    /// Every slice, whether or not there is a power law through its minima.
    pub fn every_slice(&self) -> &[SliceFit] {
        self.answer.given().map_or(&self.slices, |fit| &fit.slices)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Study {
    pub options: StudyOptions,
    /// The law of approach 3.
    pub law_kind: LawKind,
    /// How it was chosen, where it was.
    pub law_choice: Option<LawChoice>,
    pub rows: usize,
    /// Runs that the law is not fitted to, each far off what all others say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spoiled: Vec<Spoiled>,
    pub left_out: Vec<LeftOut>,
    /// How several rows of one N and D are counted; `None` where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    pub largest_flops: f64,
    pub compute: ComputeRule,
    pub approach1: Answer<EnvelopeFit>,
    pub approach2: Vec<IsoflopRow>,
    pub approach3: Answer<LawFit>,
    /// Exponents of all approaches side by side.
    pub exponents: Vec<ExponentRow>,
    /// Pairs of different approaches with intervals, which alone can disagree beyond them.
    pub compared: usize,
    /// Approaches that could not be compared, having no result or no interval.
    pub not_compared: Vec<String>,
    /// One sentence per pair of approaches that disagree beyond their intervals; empty when none do.
    pub disagreements: Vec<String>,
    /// The exponent that objectives, outliers and slices are compared by: `a` of N*(C), or the law's own.
    pub exponent_name: &'static str,
    pub objectives: Vec<ObjectiveRow>,
    /// The exponents under each convention that the table has counts for.
    pub conventions: Vec<ConventionRow>,
    /// Forecasts of the top 1 and 2 budgets; refused where the law fitted to the rest is no result.
    pub held_out: Vec<Answer<HeldOut>>,
    /// The loss that budgets will buy, by law and slice minima together.
    pub forecast: Answer<Forecaster>,
    /// Residuals of the law; `None` unless it converged.
    pub residuals: Option<Residuals>,
    /// Whether runs of one shape deviate together from their slices; `None` where that cannot be told.
    pub slices_by_shape: Option<ShapeTest>,
    /// Outliers of the law; `None` unless it converged.
    pub outliers: Option<Outliers>,
    pub without_slice: Vec<LeftOutSlice>,
    /// What the machines do to the loss; `None` where the runs name fewer than two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machines: Option<MachineEffects>,
    pub warnings: Vec<Warning>,
}

impl Study {
    pub fn isoflop(&self) -> Option<&IsoflopFit> {
        self.approach2.first().and_then(|r| r.answer.given())
    }

    /// Whether the approaches agree, in a sentence, where none of [`Study::disagreements`] says otherwise.
    pub fn agreement(&self) -> Option<String> {
        let without = self.not_compared.join(" and ");
        match (self.disagreements.is_empty(), self.compared, self.not_compared.is_empty()) {
            (false, ..) => None,
            (true, 0, _) => {
                Some("The approaches cannot be compared: fewer than two have intervals.".into())
            }
            (true, _, true) => Some("No two approaches disagree beyond their intervals.".into()),
            (true, _, false) => Some(format!(
                "The approaches with intervals do not disagree beyond them; approach {without} has none and could not be compared."
            )),
        }
    }

    /// Whether any approach has one.
    pub fn has_result(&self) -> bool {
        self.approach1.given().is_some() || self.isoflop().is_some() || self.law().is_some()
    }

    /// The runs that the law was fitted to, of the table that the study is of.
    ///
    /// # Errors
    /// As [`run`].
    pub fn law_table(&self, given: &Table) -> Result<Table, FitError> {
        let table = self.law_kind.prepare(&given.under(self.options.convention)?)?;
        Ok(without(&table, self.spoiled.iter().map(|s| s.row)))
    }

    pub fn law(&self) -> Option<&crate::parametric::LawResult> {
        self.approach3.given().and_then(|f| f.result.as_ref())
    }
}

/// Runs everything. `curves` are training curves for approach 1; without them the table's own rows serve.
///
/// # Errors
/// When the table has no row under the convention asked, and for options outside their range; every other refusal is part
/// of the result.
pub fn run(given: &Table, curves: &[Curve], options: &StudyOptions) -> Result<Study, FitError> {
    run_telling(given, curves, options, &mut |_| ())
}

/// As [`run`]; `tell` hears what is being done, which takes minutes for a hundred thousand runs.
///
/// # Errors
/// As [`run`].
pub fn run_telling(
    given: &Table,
    curves: &[Curve],
    options: &StudyOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<Study, FitError> {
    options.check()?;
    let counted = given.under(options.convention)?;
    let table = options.law.map_or_else(|| Ok(counted.clone()), |law| law.prepare(&counted))?;
    let mut methods = vec![options.isoflop.method];
    methods.extend(Method::COMPARED.into_iter().filter(|m| *m != options.isoflop.method));
    let slices = |method: Method| {
        tell(&format!("approach 2, {}", method.name()));
        let options = IsoflopOptions { method, ..options.isoflop };
        let answer: Answer<IsoflopFit> = fit_isoflop(&table, &options).into();
        let refused = answer.refusal().and_then(|_| slice_minima(&table, &options).ok());
        IsoflopRow { method, answer, slices: refused.unwrap_or_default() }
    };
    let mut approach2: Vec<IsoflopRow> = methods.into_iter().map(slices).collect();
    tell("which runs and which law");
    let sifted = sift(&counted, approach2[0].answer.given(), options)?;
    let Sifted { law: law_kind, choice: law_choice, spoiled, .. } = sifted;
    let (whole, table) = (table, sifted.table);
    let law = law_kind.law();
    tell("approach 1, the envelope");
    let envelope = |curves: &[Curve]| fit_envelope(curves, &options.envelope).into();
    let mut approach1: Answer<EnvelopeFit> =
        if curves.is_empty() { envelope(&curves_of(&table)) } else { envelope(curves) };
    // Of a C that has nothing to do with N and D no approach can tell the best split.
    if let Err(why) = ComputeRule::of(&table).checked() {
        approach1 = Answer::Refused(why.clone());
        approach2.iter_mut().for_each(|row| row.answer = Answer::Refused(why.clone()));
    }
    tell("approach 3, the law and its bootstrap");
    let approach3: Answer<LawFit> = fit_law(&table, law.as_ref(), &options.fit).into();
    let checks = check_law(&table, law.as_ref(), approach3.given(), &options.fit, tell);
    tell("other conventions");
    let kept = given.without_places_of(&whole, &spoiled);
    let conventions =
        compare::conventions(&kept, &table, law_kind, &approach2[0].answer, &approach3, options);
    let exponents = compare::exponents(&approach1, &approach2, &approach3);
    let largest_flops = table.largest_flops();
    let slices_by_shape =
        approach2[0].answer.given().and_then(|fit| ShapeTest::of_slices(&whole, fit));
    let compared = compare::compare(
        &exponents,
        approach1.given(),
        approach2[0].answer.given(),
        approach3.given(),
        largest_flops,
    );
    tell("the forecast by law and slices together");
    let forecast: Answer<Forecaster> = Forecaster::new(
        &table,
        law.as_ref(),
        approach3.given(),
        approach2[0].answer.given(),
        &options.fit,
    )
    .into();
    let scheme = approach3.given().and_then(|f| f.result.as_ref()).and_then(|r| r.resampling);
    let mut study = Study {
        options: *options,
        law_kind,
        law_choice,
        rows: whole.len(),
        spoiled,
        left_out: whole.left_out().to_vec(),
        repeats: Repeats::of(&table, scheme),
        largest_flops,
        compute: ComputeRule::of(&table),
        compared: compared.pairs,
        not_compared: compared.without,
        disagreements: compared.disagreements,
        approach1,
        approach2,
        approach3,
        exponents,
        exponent_name: law.own_exponent().unwrap_or("a"),
        objectives: checks.objectives,
        conventions,
        held_out: checks.held_out,
        forecast,
        residuals: checks.residuals,
        slices_by_shape,
        outliers: checks.outliers,
        without_slice: checks.without_slice,
        machines: MachineEffects::of(&whole, options.fit.intervals.level),
        warnings: Vec::new(),
    };
    study.warnings = doubts::warnings(&whole, &table, &study);
    Ok(study)
}
