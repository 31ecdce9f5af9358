//! The terms, each in a sentence or two.

pub(super) struct Term {
    /// Its anchor is `term-` and this.
    pub id: &'static str,
    pub name: &'static str,
    /// Ways in which texts say it.
    pub words: &'static [&'static str],
    /// Cells and heads of tables that are it.
    pub cells: &'static [&'static str],
    /// The explanation, as mark-up.
    pub text: &'static str,
}

const fn term(
    id: &'static str,
    name: &'static str,
    words: &'static [&'static str],
    cells: &'static [&'static str],
    text: &'static str,
) -> Term {
    Term { id, name, words, cells, text }
}

pub(super) const TERMS: &[Term] = &[
    term(
        "nats",
        "nats, bits per byte",
        &["nats", "bits per byte", "Bits per byte"],
        &["Loss, nats", "Nats per token", "Bits/byte"],
        "The loss is the mean of −ln p of the next token, in nats per token. Divided by ln 2 and by the bytes that a token stands \
         for, it is in bits per byte of text, which does not depend on the tokenizer.",
    ),
    term(
        "optimum",
        "N*, D*",
        &["N*(C)", "D*(C)"],
        &["N*", "D*", "D*/N*"],
        "The number of parameters N and of training tokens D that give the lowest loss for the compute C. Their growth is told as \
         exponents: N* ~ C^{a} and D* ~ C^{b}.",
    ),
    term(
        "bracketed",
        "bracketed",
        &["bracketed"],
        &[],
        "A minimum is bracketed where the losses rise on both sides of it, within the sizes that were run. One at an end of the \
         sizes could lie anywhere beyond: it is no measurement, and has no vote.",
    ),
    term(
        "interval",
        "interval",
        &["interval", "intervals", "90% intervals", "95% intervals", "99% intervals"],
        &[],
        "In brackets: where the estimate falls in so many of 100 refits to runs drawn anew from those there are (bootstrap), or \
         Student's interval where the text says so. It knows chance, as far as the runs show it; it does not know what they all \
         share, such as one rule for the learning rate.",
    ),
    term(
        "scatter",
        "scatter",
        &["scatter", "root mean square"],
        &[],
        "How far single runs lie off a fitted curve: the root mean square of their relative differences.",
    ),
    term(
        "approaches",
        "envelope, slices, law",
        &["approaches", "All together"],
        &[
            "Approach",
            "slices (approach 2)",
            "law (approach 3)",
            "envelope (approach 1)",
            "all together",
            "1 envelope",
            "3 law",
        ],
        "The three ways of Hoffmann et al. (2022) to the best split. Approach 1: the lower envelope of all runs. Approach 2: the \
         minimum of each budget's slice, and a power law through the minima. Approach 3: one law L(N, D), fitted to all runs.",
    ),
    term(
        "corrected",
        "lopsided shape",
        &["lopsided shape"],
        &["2 slices, corrected"],
        "A slice's loss rises faster on one side of its minimum than on the other, so the minimum of a parabola is off. Here each \
         slice is L = c + u N^{−α} + v D^{−β} with its own c, u and v, and one α and β for all slices.",
    ),
    term(
        "parabola",
        "parabola",
        &["parabola in ln N"],
        &["2 slices, parabola"],
        "The curve through a slice as in Hoffmann et al. (2022): a parabola in ln N. Its minimum is off where the sizes are spread \
         wide or unevenly about it.",
    ),
    term(
        "akima",
        "Akima interpolation",
        &["Akima interpolation"],
        &["2 slices, akima", "2 slices, porian"],
        "A smooth curve through the mean loss of every size, which assumes no form. It follows the noise too.",
    ),
    term(
        "convention",
        "convention",
        &["way of counting"],
        &["Convention"],
        "What counts as a parameter and as a FLOP. The same runs give other exponents under other conventions, most of all for \
         small models, whose embedding and head are a large part of them.",
    ),
    term(
        "exact",
        "exact",
        &["exact matrix products"],
        &["exact"],
        "N counts all parameters. C counts the FLOPs of every matrix product, attention scores and output head included; the \
         backward pass costs twice the forward pass.",
    ),
    term("6nd-total", "6nd-total", &[], &["6nd-total"], "C = 6 N D, N counting all parameters."),
    term(
        "6nd-non-embedding",
        "6nd-non-embedding",
        &[],
        &["6nd-non-embedding"],
        "C = 6 N D, N counting neither embedding nor output head, as in Kaplan et al. (2020).",
    ),
    term(
        "6nd-with-head",
        "6nd-with-head",
        &[],
        &["6nd-with-head"],
        "C = 6 N D, N counting the output head but not the embedding, as in Porian et al. (2024).",
    ),
    term(
        "objective",
        "objective",
        &["objective"],
        &["Objective"],
        "What a fit of the law makes small. Absolute values and Huber's loss (squares up to a threshold, absolute values beyond) \
         give single runs that lie far off less say than squares do.",
    ),
    term(
        "outcome",
        "outcome of a fit",
        &["starts agree"],
        &["Outcome"],
        "A fit is begun from several starts; told is the share of them that ended at the best optimum. The condition number is the \
         squared ratio of how well the runs fix the parameters along the best and along the worst direction: above 10^{8} some \
         cannot be told apart, and there is no result.",
    ),
    term(
        "r-squared",
        "R²",
        &[],
        &["R²"],
        "The share of the variation that the power law explains: 1 where all minima lie on it.",
    ),
    term(
        "floor",
        "irreducible loss E",
        &["Irreducible loss E"],
        &["Fitted E"],
        "What the loss would come to with endless parameters and data, by the law. It lies far beyond the runs, and stands or falls \
         with the law.",
    ),
    term(
        "hoffmann",
        "Hoffmann's law",
        &["Hoffmann's law"],
        &["hoffmann"],
        "L = E + A / N^{α} + B / D^{β} (Hoffmann et al. 2022, approach 3).",
    ),
    term(
        "joint",
        "joint law",
        &["a law without a floor"],
        &["joint"],
        "L = [(A / N^{α})^{1/γ} + (B / D^{β})^{1/γ}]^{γ}: the term of the size and that of the data joined by a norm, without a floor \
         E. With γ near 0 the larger term alone counts.",
    ),
    term(
        "residuals",
        "residual",
        &["Residuals"],
        &["Residuals about", "Off the law"],
        "What is observed over what is fitted, less 1. Where residuals follow a pattern, the law misses something.",
    ),
    term(
        "anova",
        "F and p",
        &["Analysis of variance"],
        &["F", "p"],
        "F: how many times the variance between shapes is that within them. p: how often chance alone gives as much or more.",
    ),
    term(
        "held-out-budgets",
        "forecast of held-out budgets",
        &[],
        &["Held out", "Law's error", "Reach"],
        "The law is fitted without the largest budgets, and then forecasts them. Reach: the largest budget over the largest that was \
         left to fit. The best loss seen is the forecast that nothing will improve: a law has to beat it.",
    ),
    term(
        "correlation",
        "correlation of parameters",
        &["Correlations of the law's parameters"],
        &[],
        "How two parameters move together over the refits: near 1 or −1, the runs fix a combination of them, not each alone.",
    ),
    term(
        "gain",
        "compute-equivalent gain",
        &["Compute-equivalent gain"],
        &[],
        "How many times the compute the first recipe needs for the loss that the second reaches.",
    ),
    term(
        "margin",
        "margin of equality",
        &["Margin of equality"],
        &[],
        "Losses count as equal where the interval of their mean difference lies within this margin, which is taken from the noise \
         between runs unless it was given.",
    ),
    term(
        "mistuned",
        "best rate and batch",
        &[],
        &["Model and budget"],
        "Each column trains the same cell with the learning rate or batch multiplied. Where another value than ×1 is better, the rule \
         is off there, and the exponent may be an artefact of it.",
    ),
    term(
        "tied",
        "law with tied exponents",
        &[],
        &["tied"],
        "Hoffmann's law with one exponent for N and D, α = β: fewer parameters for few runs.",
    ),
    term(
        "kaplan",
        "Kaplan's law",
        &["Kaplan's law"],
        &["kaplan"],
        "L = [(N_{c} / N)^{α_N/α_D} + D_{c} / D]^{α_D} (Kaplan et al. 2020, equation 1.5): without a floor.",
    ),
];
