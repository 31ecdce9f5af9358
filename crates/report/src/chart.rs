//! The plotting layer: figures of panels with axes, marks and keys, written as SVG.
//!
//! ```
//! use isoflop_report::chart::{Axis, Figure, Line, Mark, Paint, Panel, Theme};
//!
//! let mut panel = Panel::new(Axis::log("Parameters"), Axis::linear("Loss, nats per token"));
//! panel.push(Mark::Line(Line::new(vec![(1e5, 3.2), (1e6, 2.9), (1e7, 3.1)], Paint::Hue(0))));
//! let svg = Figure::new("demo", "One slice", panel).svg(Theme::Light);
//! assert!(svg.starts_with("<svg"));
//! ```

mod axis;
mod code;
mod colour;
mod draw;
mod figure;
mod font;
mod labels;
mod legend;
mod mark;
mod narrow;
mod panel;
mod rows;
mod scale;
mod simplify;
mod svg;
mod symbol;
mod text;
mod ticks;

pub use axis::Axis;
pub use colour::{Paint, Theme, css_variables};
pub use figure::Figure;
pub use font::FAMILY;
pub use legend::{Key, Legend, Place};
pub use mark::{
    Along, Band, Dash, Dot, Dots, Extend, Line, Mark, Note, Rule, Symbol, Whisker, Whiskers,
};
pub use panel::Panel;
pub use scale::{Scale, Spread};
pub use svg::{Anchor, escape};
pub use text::{Rich, Span, SpanStyle};
pub use ticks::Format;

pub(crate) use code::{Piece, pieces};
pub(crate) use draw::dash_of;
pub(crate) use font::{STACK, TRUETYPE, WOFF2, Weight, rich_width};
pub(crate) use ticks::Ticks;
