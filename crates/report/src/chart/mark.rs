//! What is drawn inside a panel.

use super::colour::Paint;
use super::svg::Anchor;
use super::text::Rich;

/// How far a mark may widen the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extend {
    /// The axes hold all of it.
    #[default]
    Full,
    /// The axes grow by up to 60% of what the full marks need; beyond, the mark is cut at the
    /// edge, with an arrow where it is a whisker.
    Soft,
    /// The axes take no notice of it.
    No,
}

/// Line patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dash {
    /// Unbroken.
    #[default]
    Solid,
    /// Long dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// Dash and dot by turns.
    DashDot,
}

impl Dash {
    pub(crate) fn array(self) -> Option<&'static str> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some("7 5"),
            Self::Dotted => Some("1.5 4.5"),
            Self::DashDot => Some("8 4 1.5 4"),
        }
    }
}

/// Point symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symbol {
    /// Disc.
    #[default]
    Circle,
    /// Square on its corner.
    Diamond,
    Square,
    /// Triangle, point up.
    Triangle,
    /// Two crossed strokes, for what failed.
    Cross,
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// Value on the x axis.
    pub x: f64,
    /// Value on the y axis.
    pub y: f64,
    /// Colour; `None`: that of the [`Dots`].
    pub paint: Option<Paint>,
    /// Shown when pointed at.
    pub tip: Option<String>,
}

impl From<(f64, f64)> for Dot {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y, paint: None, tip: None }
    }
}

/// Points.
#[derive(Debug, Clone, PartialEq)]
pub struct Dots {
    pub at: Vec<Dot>,
    pub symbol: Symbol,
    /// Radius in pixels.
    pub radius: f64,
    /// Colour of those without their own.
    pub paint: Paint,
    /// Outline only.
    pub hollow: bool,
    /// 0 (not there) to 1.
    pub opacity: f64,
}

/// A connected line. Breaks where a point has no place.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Points in drawing order.
    pub points: Vec<(f64, f64)>,
    /// Colour.
    pub paint: Paint,
    /// Width in pixels.
    pub width: f64,
    /// Pattern.
    pub dash: Dash,
    /// 0 (not there) to 1.
    pub opacity: f64,
    /// Effect on the axes.
    pub extend: Extend,
    /// Set to the right of the panel, at the height where the line leaves it.
    pub end_label: Option<Rich>,
    /// Shown when pointed at.
    pub tip: Option<String>,
}

impl Line {
    /// A solid line of 2.5 pixels.
    pub fn new(points: Vec<(f64, f64)>, paint: Paint) -> Self {
        Self {
            points,
            paint,
            width: 2.5,
            dash: Dash::Solid,
            opacity: 1.0,
            extend: Extend::Full,
            end_label: None,
            tip: None,
        }
    }
}

/// The area between two lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// `(x, low, high)`.
    pub points: Vec<(f64, f64, f64)>,
    /// Colour, drawn at an opacity of 18%.
    pub paint: Paint,
    /// Effect on the axes.
    pub extend: Extend,
}

/// Which axis something runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Horizontal.
    X,
    /// Vertical.
    Y,
}

/// One error bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Whisker {
    /// Centre.
    pub x: f64,
    /// Centre.
    pub y: f64,
    /// Lower end, in values of the axis it runs along; may be infinite.
    pub low: f64,
    /// Upper end; may be infinite.
    pub high: f64,
    /// Colour.
    pub paint: Paint,
}

/// Error bars.
#[derive(Debug, Clone, PartialEq)]
pub struct Whiskers {
    /// The bars.
    pub at: Vec<Whisker>,
    /// Direction.
    pub along: Along,
    /// Width in pixels.
    pub width: f64,
    /// Effect of the ends on the axes.
    pub extend: Extend,
}

/// A line across the whole panel at one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where it crosses the other axis.
    pub value: f64,
    /// Direction: [`Along::X`] is a horizontal line at `y = value`.
    pub along: Along,
    /// Colour.
    pub paint: Paint,
    /// Pattern.
    pub dash: Dash,
    /// Set beside the line, where it covers least.
    pub label: Option<Rich>,
    /// Effect on the axes.
    pub extend: Extend,
}

/// Text beside a point of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Value on the x axis.
    pub x: f64,
    /// Value on the y axis.
    pub y: f64,
    /// Shifts in pixels, right and down: the first where all are free, else the one that covers least.
    pub shifts: Vec<(f64, f64)>,
    pub text: Rich,
    /// How it hangs on the point.
    pub anchor: Anchor,
    /// Colour.
    pub paint: Paint,
}

/// Anything drawn inside a panel, in drawing order.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Points.
    Dots(Dots),
    Line(Line),
    /// An area.
    Band(Band),
    /// Error bars.
    Whiskers(Whiskers),
    /// A line across the panel.
    Rule(Rule),
    /// Text.
    Note(Note),
}

impl Mark {
    /// Values that the given axis should hold, with the effect they have.
    pub(crate) fn extent(&self, axis: Along) -> (Extend, Vec<f64>) {
        let pick = |x: f64, y: f64| match axis {
            Along::X => x,
            Along::Y => y,
        };
        match self {
            Self::Dots(m) => (Extend::Full, m.at.iter().map(|p| pick(p.x, p.y)).collect()),
            Self::Line(m) => (m.extend, m.points.iter().map(|p| pick(p.0, p.1)).collect()),
            Self::Band(m) => {
                let values = m.points.iter().flat_map(|p| match axis {
                    Along::X => vec![p.0],
                    Along::Y => vec![p.1, p.2],
                });
                (m.extend, values.collect())
            }
            Self::Whiskers(m) if m.along == axis => {
                (m.extend, m.at.iter().flat_map(|w| [w.low, w.high]).collect())
            }
            Self::Whiskers(m) => (Extend::Full, m.at.iter().map(|w| pick(w.x, w.y)).collect()),
            Self::Rule(m) if m.along != axis => (m.extend, vec![m.value]),
            Self::Rule(_) | Self::Note(_) => (Extend::No, Vec::new()),
        }
    }
}
