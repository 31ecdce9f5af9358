//! The figures, each entry with how they were checked.

use super::Verified::{Copied, Read, Recomputed};
use super::{Form, Published, Rule, Tuning};

const TOTAL: &str = "total parameters, C = 6ND (their own count adds embeddings and attention)";
/// Hoffmann et al. trained with 6e18 to 3e21 FLOPs.
const HOFFMANN_RANGE: Option<(f64, f64)> = Some((6e18, 3e21));

/// Learning rate and batch of Bi et al. 2024 (DeepSeek LLM), equation 1.
const DEEPSEEK: Tuning = Tuning {
    learning_rate: Rule { coefficient: 0.3118, params: 0.0, tokens: 0.0, flops: -0.1250 },
    batch_tokens: Rule { coefficient: 0.2920, params: 0.0, tokens: 0.0, flops: 0.3271 },
};

const NANOCHAT: &str = "Karpathy, nanochat, dev/LOG.md of January 2026 (\"engram-lite\"): quadratic fits at 1e18, 2e18, 5e18 and 1e19 FLOPs";
const NANOCHAT_READ: super::Verified = Read(
    "the log itself; its exponents as printed, coefficients through the geometric mean of its four minima",
);

/// Of Besiroglu et al.'s parameters.
#[rustfmt::skip]
const EPOCH: [[f64; 5]; 5] = [
    [0.066_655_051_876, -0.027_821_039_463, 0.002_134_113_106, 0.003_973_358_521, -0.001_393_559_963],
    [-0.027_821_039_463, 0.177_369_609_731, 0.003_602_957_642, -0.001_727_047_294, 0.008_674_264_287],
    [0.002_134_113_106, 0.003_602_957_642, 0.000_198_868_228, 0.000_126_051_481, 0.000_175_517_866],
    [0.003_973_358_521, -0.001_727_047_294, 0.000_126_051_481, 0.000_237_177_182, -8.656_299_324e-5],
    [-0.001_393_559_963, 0.008_674_264_287, 0.000_175_517_866, -8.656_299_324e-5, 0.000_424_488_742],
];

/// What a publication need not give.
const BARE: Published = Published {
    key: "",
    title: "",
    source: "",
    verified: Read(""),
    convention: "",
    form: Form::TuningOnly,
    tuning: None,
    covariance: None,
    exponent_interval: None,
    valid_flops: None,
    note: "",
};

/// Every law, by year.
pub const PUBLISHED: &[Published] = &[
    Published {
        key: "kaplan2020",
        title: "Kaplan: best split of compute",
        source: "Kaplan et al. 2020, arXiv:2001.08361, table 6: N_opt = 1.3e9 C^0.73, D_opt = 2e10 C^0.27, C in PF-days",
        verified: Copied("four transcriptions of table 6 agree"),
        convention: "parameters without embeddings; C_min (small-batch compute); 1 PF-day = 8.64e19 FLOPs",
        form: Form::Split {
            // 1.3e9 (1 / 8.64e19)^0.73 and 2e10 (1 / 8.64e19)^0.27.
            params: Some((3.633191758e-06, 0.73)),
            tokens: Some((8.282687675e+04, 0.27)),
        },
        note: "one learning-rate schedule for all lengths, warm-up and head not counted: Porian et al. 2024 and Pearce & Song 2024 explain its exponent",
        ..BARE
    },
    Published {
        key: "kaplan2020-joint",
        title: "Kaplan: L(N, D)",
        source: "Kaplan et al. 2020, arXiv:2001.08361, equation 1.5 and table 2",
        verified: Copied("five transcriptions of table 2 agree"),
        convention: "parameters without embeddings",
        form: Form::Joint { params: 6.4e13, alpha_n: 0.076, tokens: 1.8e13, alpha_d: 0.103 },
        note: "loss on WebText2; for runs stopped early, not for compute-optimal ones",
        ..BARE
    },
    Published {
        key: "hoffmann2022-1",
        title: "Chinchilla, approach 1 (envelope of training curves)",
        source: "Hoffmann et al. 2022, arXiv:2203.15556, table 2; coefficients through 67e9 parameters and 1.5e12 tokens at 5.76e23 FLOPs (table 3)",
        verified: Read("tables 2 and 3, in four copies of the paper's text"),
        convention: TOTAL,
        form: Form::Split {
            // 67e9 / 5.76e23^0.5 and 1.5e12 / 5.76e23^0.5.
            params: Some((0.088280251, 0.50)),
            tokens: Some((1.976423538, 0.50)),
        },
        valid_flops: HOFFMANN_RANGE,
        note: "80% intervals: a in [.488, .502], b in [.501, .512]",
        ..BARE
    },
    Published {
        key: "hoffmann2022-2",
        title: "Chinchilla, approach 2 (isoFLOP minima)",
        source: "Hoffmann et al. 2022, arXiv:2203.15556, table 2",
        verified: Copied("eight transcriptions of table 2 agree"),
        convention: TOTAL,
        form: Form::Exponents { params: 0.49, tokens: 0.51 },
        valid_flops: HOFFMANN_RANGE,
        note: "80% intervals: a in [.462, .534], b in [.483, .529]",
        ..BARE
    },
    Published {
        key: "hoffmann2022-3",
        title: "Chinchilla, approach 3 (parametric)",
        source: "Hoffmann et al. 2022, arXiv:2203.15556, equation 10; unrounded values from its TeX source, as given by Besiroglu et al. 2024",
        verified: Copied(
            "the values in Besiroglu et al.'s notebook, whose rounding is the paper's equation 10",
        ),
        convention: TOTAL,
        form: Form::Sum {
            floor: 1.693_373_68,
            a: 406.401_018,
            alpha: 0.339_170_84,
            b: 410.722_827,
            beta: 0.284_908_3,
        },
        valid_flops: HOFFMANN_RANGE,
        note: "its optimiser stopped early (Besiroglu et al. 2024): prefer epoch2024",
        ..BARE
    },
    Published {
        key: "epoch2024",
        title: "Chinchilla, approach 3, refitted by Epoch",
        source: "Besiroglu et al. 2024, arXiv:2404.10102; covariance from a re-run of their notebook (4,000 bootstrap draws)",
        verified: Recomputed(
            "notebook run again; their likelihood fitted anew to their 240 runs by this crate's tests",
        ),
        convention: "total parameters, C = 6ND, runs read from Hoffmann et al.'s figure",
        form: Form::Sum { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2085.43, beta: 0.3658 },
        covariance: Some(EPOCH),
        exponent_interval: Some((0.4807, 0.5561)),
        valid_flops: HOFFMANN_RANGE,
        note: "fitted with a free scale, which is near least absolute deviations",
        ..BARE
    },
    Published {
        key: "muennighoff2023",
        title: "Repeated data, at unlimited unique tokens",
        source: "Muennighoff et al. 2023, arXiv:2305.16264 (datablations): R_D* = 15.387756, R_N* = 5.309743",
        verified: Recomputed("the two losses of the authors' own example come out to six digits"),
        convention: "total parameters, C = 6ND, C4",
        form: Form::Sum {
            // exp(0.6254804), exp(6.255414), exp(7.3049974)
            floor: 1.869143678,
            a: 520.8249517,
            alpha: 0.352_659_6,
            b: 1487.716094,
            beta: 0.352_659_6,
        },
        note: "alpha = beta was imposed, so a = b = .5 is not a finding; up to 9e9 parameters and 9e11 tokens",
        ..BARE
    },
    Published {
        key: "porian2024-kaplan",
        title: "Porian: Kaplan's set-up reproduced (RefinedWeb)",
        source: "Porian et al. 2024, arXiv:2406.19146, authors' result files",
        verified: Recomputed("the authors' recipe on their runs, by this crate's tests"),
        convention: "parameters without embeddings and head; C = 6ND",
        form: Form::Split {
            params: Some((4.231_965_918_498_457e-8, 0.835_300_042_491_399_1)),
            tokens: Some((4_152_787.256_480_985, 0.163_366_848_778_630_22)),
        },
        exponent_interval: Some((0.8235, 0.8460)),
        valid_flops: Some((1.25e16, 1.28e19)),
        note: "shows how Kaplan's exponent comes about; not a recommendation",
        ..BARE
    },
    Published {
        key: "porian2024",
        title: "Porian: everything tuned, no decay (RefinedWeb)",
        source: "Porian et al. 2024, arXiv:2406.19146, authors' result files",
        verified: Recomputed("the authors' recipe on their runs, by this crate's tests"),
        convention: "parameters with head, without input embedding; C = 6ND",
        form: Form::Split {
            params: Some((0.118_926_483_974_938, 0.496_895_078_178_852)),
            tokens: Some((1.401_425_999_458_538, 0.503_104_921_821_147_7)),
        },
        exponent_interval: Some((0.4907, 0.5045)),
        valid_flops: Some((1.25e16, 2.56e19)),
        note: "learning rate, batch and beta2 tuned per size",
        ..BARE
    },
    Published {
        key: "deepseek2024",
        title: "DeepSeek LLM: non-embedding FLOPs per token and tokens",
        source: "Bi et al. 2024, arXiv:2401.02954, equation 4: M_opt = 0.1715 C^0.5243, D_opt = 5.8316 C^0.4757",
        verified: Copied("eight copies of the equations agree"),
        convention: "M is training FLOPs per token (C = M D), attention counted; N* here is M / 6",
        form: Form::Split { params: Some((0.0285833333, 0.5243)), tokens: Some((5.8316, 0.4757)) },
        tuning: Some(DEEPSEEK),
        valid_flops: Some((1e17, 3e20)),
        note: "the exponents move with the quality of the data, by the authors' own account",
        ..BARE
    },
    Published {
        key: "llama3-2024",
        title: "Llama 3: tokens of the best split",
        source: "Dubey et al. 2024, arXiv:2407.21783, section 3.2.1: D* = 0.29 C^0.53",
        verified: Read("section 3.2.1, in two copies of the paper's text"),
        convention: "total parameters; N* follows from C = 6ND",
        form: Form::Split { params: None, tokens: Some((0.29, 0.53)) },
        valid_flops: Some((6e18, 1e22)),
        note: "published to two digits, which predict 1.1e13 tokens at 3.8e25 FLOPs where the paper's own fit says 1.655e13",
        ..BARE
    },
    Published {
        key: "gemstones2025",
        title: "Gemstones: Hoffmann's law on widths x depths",
        source: "McLeish et al. 2025, arXiv:2502.06857, checkpoints at the peak learning rate, Huber delta 1e-3",
        verified: Recomputed("their 220 checkpoints fitted anew by this crate's tests, to .0005"),
        convention: "total parameters, C counted exactly",
        form: Form::Exponents { params: 0.7088, tokens: 0.2912 },
        note: "alpha = .2929, beta = .7129, E = 2.1431; the exponent is sensitive to which widths and depths are kept",
        ..BARE
    },
    Published {
        key: "steplaw2025",
        title: "Step Law: best learning rate and batch",
        source: "Li et al. 2025, arXiv:2503.04715: eta = 1.79 N^-0.713 D^0.307, batch = 0.58 D^0.571 tokens",
        verified: Copied("two copies of the equations agree"),
        convention: "parameters without embeddings",
        form: Form::TuningOnly,
        tuning: Some(Tuning {
            learning_rate: Rule { coefficient: 1.79, params: -0.713, tokens: 0.307, flops: 0.0 },
            batch_tokens: Rule { coefficient: 0.58, params: 0.0, tokens: 0.571, flops: 0.0 },
        }),
        note: "says nothing of the best N for a budget; below 1e16 FLOPs it and DeepSeek's rule differ by up to 20 times in batch",
        ..BARE
    },
    Published {
        key: "nanochat2026-head",
        title: "nanochat: head counted, embeddings not",
        source: NANOCHAT,
        verified: NANOCHAT_READ,
        convention: "projections with the head, without embeddings; C by its own count of FLOPs",
        form: Form::Split {
            params: Some((0.021_010_008_08, 0.54)),
            tokens: Some((1.870_906_32, 0.49)),
        },
        valid_flops: Some((1e18, 1e19)),
        note: "the one of its three countings with a steady ratio, about 10.5 tokens per parameter; Muon, value and bigram embeddings",
        ..BARE
    },
    Published {
        key: "nanochat2026-total",
        title: "nanochat: all parameters",
        source: NANOCHAT,
        verified: NANOCHAT_READ,
        convention: "all parameters; C by its own count of FLOPs",
        form: Form::Split {
            params: Some((91.883_532_4, 0.37)),
            tokens: Some((1.220_672_986, 0.50)),
        },
        valid_flops: Some((1e18, 1e19)),
        note: "the same runs as nanochat2026-head: three quarters of the parameters are embedding tables",
        ..BARE
    },
    Published {
        key: "nanochat2026-layers",
        title: "nanochat: projections inside the layers",
        source: NANOCHAT,
        verified: NANOCHAT_READ,
        convention: "projections of the layers alone; C by its own count of FLOPs",
        form: Form::Split {
            params: Some((1.962_371_149e-5, 0.70)),
            tokens: Some((55.785_384_33, 0.41)),
        },
        valid_flops: Some((1e18, 1e19)),
        note: "the same runs as nanochat2026-head: shows how far counting alone moves the exponent",
        ..BARE
    },
];
