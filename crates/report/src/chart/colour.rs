//! Colours: two themes, a perceptual scale for ordered things, and a few hues for named ones.
//!
//! The scale is viridis (Smith & van der Walt 2015), cut at the end that would fade into the
//! ground: no yellow on white, no deep violet on black. The hues are those of Okabe & Ito (2008),
//! told apart under the common kinds of colour blindness.

/// Which ground a drawing is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    Light,
    /// Light ink on near-black.
    Dark,
    /// CSS variables, so that the surrounding page chooses (see [`css_variables`]).
    Page,
}

/// What a colour is for. A [`Theme`] turns it into a colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Paint {
    /// Text and the most important line.
    Ink,
    /// Secondary text.
    Muted,
    /// Reference lines, for orientation only.
    Faint,
    /// Axis lines and tick marks.
    Axis,
    /// Grid lines.
    Grid,
    /// The ground behind the drawing.
    Ground,
    /// Something is wrong here.
    Alert,
    /// One of the hues for named series; wraps around.
    Hue(usize),
    /// Position on the ordered scale, 0 to 1; beyond that, the nearer end.
    Ramp(f64),
}

const RAMP_STEPS: usize = 48;

/// Viridis at 0, 1/16 .. 1.
const VIRIDIS: [[u8; 3]; 17] = [
    [68, 1, 84],
    [72, 24, 106],
    [71, 45, 123],
    [66, 64, 134],
    [59, 82, 139],
    [51, 99, 141],
    [44, 114, 142],
    [38, 130, 142],
    [33, 145, 140],
    [31, 160, 136],
    [40, 174, 128],
    [63, 188, 115],
    [94, 201, 98],
    [132, 212, 75],
    [173, 220, 48],
    [216, 226, 25],
    [253, 231, 37],
];

const HUES: [(&str, &str); 6] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#f2894b"),
    ("#009e73", "#2cc99b"),
    ("#b0558a", "#e08fbf"),
    ("#b98200", "#e8b93c"),
    ("#5b6470", "#a6b0bb"),
];

/// Plain roles: name of the CSS variable, light, dark.
const ROLES: [(&str, &str, &str); 7] = [
    ("ink", "#16191d", "#eceff3"),
    ("muted", "#545d69", "#a6b0bb"),
    ("faint", "#8a939e", "#7d8894"),
    ("axis", "#a3abb4", "#5c6672"),
    ("grid", "#e8ebee", "#272d35"),
    ("ground", "#ffffff", "#14171c"),
    ("alert", "#c0362c", "#ff8a7a"),
];

impl Paint {
    /// The colour as CSS text.
    pub fn css(self, theme: Theme) -> String {
        let role = match self {
            Self::Ink => 0,
            Self::Muted => 1,
            Self::Faint => 2,
            Self::Axis => 3,
            Self::Grid => 4,
            Self::Ground => 5,
            Self::Alert => 6,
            Self::Hue(i) => {
                let (light, dark) = HUES[i % HUES.len()];
                return pick(theme, light, dark, || format!("h{}", i % HUES.len()));
            }
            Self::Ramp(t) => {
                let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.0 };
                let step = (t * RAMP_STEPS as f64).round() as usize;
                let at = |dark| ramp(step, dark);
                return pick(theme, &at(false), &at(true), || format!("k{step}"));
            }
        };
        let (name, light, dark) = ROLES[role];
        pick(theme, light, dark, || name.to_owned())
    }
}

/// Declarations of all variables that [`Theme::Page`] refers to, for the light or the dark ground.
pub fn css_variables(dark: bool) -> String {
    let mut out = String::new();
    let mut declare = |name: &str, colour: &str| out.push_str(&format!("--{name}:{colour};"));
    for (name, light, deep) in ROLES {
        declare(name, if dark { deep } else { light });
    }
    for (i, (light, deep)) in HUES.iter().enumerate() {
        declare(&format!("h{i}"), if dark { deep } else { light });
    }
    for step in 0..=RAMP_STEPS {
        declare(&format!("k{step}"), &ramp(step, dark));
    }
    out
}

fn pick(theme: Theme, light: &str, dark: &str, name: impl Fn() -> String) -> String {
    match theme {
        Theme::Light => light.to_owned(),
        Theme::Dark => dark.to_owned(),
        Theme::Page => format!("var(--{})", name()),
    }
}

fn ramp(step: usize, dark: bool) -> String {
    let t = step as f64 / RAMP_STEPS as f64;
    let (from, to) = if dark { (0.30, 0.97) } else { (0.03, 0.83) };
    let at = (from + (to - from) * t) * (VIRIDIS.len() - 1) as f64;
    let (low, share) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(VIRIDIS.len() - 1);
    let mix = |i: usize| {
        let [a, b] = [VIRIDIS[low][i], VIRIDIS[high][i]].map(f64::from);
        (a + (b - a) * share).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes_agree_on_names() {
        let light = css_variables(false);
        for paint in
            [Paint::Ink, Paint::Hue(7), Paint::Ramp(0.5), Paint::Ramp(f64::NAN), Paint::Ramp(9.0)]
        {
            let name = paint.css(Theme::Page);
            let name = name.trim_start_matches("var(").trim_end_matches(')');
            let declared = format!("{name}:{};", paint.css(Theme::Light));
            assert!(light.contains(&declared), "{declared} is not in {light}");
        }
    }
}
