"""The difficulty scores, from stored sums of losses. Pure arithmetic, as polars expressions.

With `s(Y|X)` the mean negative log-likelihood (nats) per token of `Y` after `X`:

    IFD  = s(Ae|Qe) / s(Ae)              Cherry_LLM (arXiv 2308.12032)
    VFD  = s(Ae|Qe,I) / s(Ae|Qe)         LLaVAR-2 (arXiv 2412.16364)
    mIFD = VFD * IFD                     LLaVAR-2
    FFD  = s(Ar|Qe,Ae,Qr) / s(Ar|Qr)     LLaVAR-2

and beside them

    VFD first  = s(Ae|I) / s(Ae)             the other reading of mIFD's factors: the image before the question;
    IFD second = s(Ae|Qe,I) / s(Ae|I)        their product is mIFD too
    FFD image  = s(Ar|Qe,Ae,Qr,I) / s(Ar|Qr,I)
    reversed IFD = s(Qe|Ae) / s(Qe)          Reflection-Tuning (arXiv 2402.10110)

A ratio of mean losses, over the same token ids in both conditions. Null where a condition was not scored, where fewer
than three tokens were, or where the denominator is zero; never NaN.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

MIN_TOKENS = 3


def mean_loss(condition: str) -> pl.Expr:
    """`s` of one condition, nats per token; null where it was not scored or rests on fewer than three tokens."""
    nll, tokens = pl.col(f"nll_{condition}"), pl.col(f"tokens_{condition}")
    return pl.when(tokens >= MIN_TOKENS, nll.is_finite()).then(nll / tokens)


def ratio(upper: str, lower: str) -> pl.Expr:
    """`s(upper) / s(lower)`: a ratio of mean losses, as in Cherry_LLM."""
    below = mean_loss(lower)
    return pl.when(below > 0).then(mean_loss(upper) / below)


def perplexity_ratio(upper: str, lower: str) -> pl.Expr:
    """`exp(s(upper) - s(lower))`: the reading of Superfiltering. It ranks differently from `ratio`."""
    return (mean_loss(upper) - mean_loss(lower)).exp()


SCORES = ("ifd", "vfd", "mifd", "ffd")
DEFINITIONS = {"loss": "mean-loss-ratio/equal-tokens/1", "perplexity": "perplexity-ratio/equal-tokens/1"}
MORE_SCORES = ("vfd_first", "ifd_second", "ffd_image", "reversed_ifd")


def scores(losses: pl.LazyFrame, reading: Literal["loss", "perplexity"] = "loss") -> pl.LazyFrame:
    """One row a pair: `pair_id, image_id, scorer, scorer_kind, definition`, all scores by name, `not_scored`.

    `reading` says what a ratio divides: mean losses (`ratio`) or perplexities (`perplexity_ratio`).
    """
    divide = ratio if reading == "loss" else perplexity_ratio
    ifd, vfd = divide("a_q", "a"), divide("a_qi", "a_q")
    return losses.select(
        "pair_id",
        "image_id",
        "scorer",
        "scorer_kind",
        pl.lit(DEFINITIONS[reading]).alias("definition"),
        ifd.alias("ifd"),
        vfd.alias("vfd"),
        (vfd * ifd).alias("mifd"),
        divide("r_qas", "r_s").alias("ffd"),
        divide("a_i", "a").alias("vfd_first"),
        divide("a_qi", "a_i").alias("ifd_second"),
        divide("r_qasi", "r_si").alias("ffd_image"),
        divide("q_a", "q").alias("reversed_ifd"),
        "not_scored",
    )
