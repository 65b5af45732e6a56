"""The difficulty scores, from stored sums of losses. Pure arithmetic, as polars expressions.

With `s(Y|X)` the mean negative log-likelihood (nats) per token of `Y` after `X`:

    IFD  = s(Ae|Qe) / s(Ae)              Cherry_LLM (arXiv 2308.12032)
    VFD  = s(Ae|Qe,I) / s(Ae|Qe)         LLaVAR-2 (arXiv 2412.16364)
    mIFD = VFD * IFD                     LLaVAR-2
    FFD  = s(Ar|Qe,Ae,Qr) / s(Ar|Qr)     LLaVAR-2

A ratio of mean losses, over the same token ids in both conditions. Null where a condition was not scored, where fewer
than three tokens were, or where the denominator is zero; never NaN.
"""

from __future__ import annotations

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


def scores(losses: pl.LazyFrame) -> pl.LazyFrame:
    """One row a pair: `pair_id, image_id, scorer, scorer_kind, ifd, vfd, mifd, ffd, not_scored`."""
    return losses.select(
        "pair_id",
        "image_id",
        "scorer",
        "scorer_kind",
        ratio("a_q", "a").alias("ifd"),
        ratio("a_qi", "a_q").alias("vfd"),
        (ratio("a_qi", "a_q") * ratio("a_q", "a")).alias("mifd"),
        ratio("r_qas", "r_s").alias("ffd"),
        "not_scored",
    )
