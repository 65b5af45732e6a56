"""What tokens cost: the recipe's own prices first, then the table of the package genai-prices."""

from __future__ import annotations

from collections.abc import Mapping

from glossator.recipe import Price

_MILLION = 1_000_000
BATCH_SHARE = 0.5  # what the Batch API costs of the usual price


def usd(
    prices: Mapping[str, Price], model: str, tokens_in: int, cached: int, tokens_out: int, *, batch: bool = False
) -> float | None:
    """US dollars for one reply; None if nobody knows the model's price.

    Args:
        prices: the recipe's `run.prices`, by model.
        model: as the recipe names it.
        tokens_in: prompt tokens, the cached ones included.
        cached: prompt tokens that the provider had in its cache.
        tokens_out: completion tokens.
        batch: bought through the Batch API.
    """
    own = prices.get(model)
    if own is None:
        full = _listed(model, tokens_in, cached, tokens_out)
    else:
        for_cached = own.input if own.cached_input is None else own.cached_input
        full = ((tokens_in - cached) * own.input + cached * for_cached + tokens_out * own.output) / _MILLION
    return None if full is None else full * (BATCH_SHARE if batch else 1.0)


def _listed(model: str, tokens_in: int, cached: int, tokens_out: int) -> float | None:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:  # the extra 'chat' is not installed; then nothing is bought either
        return None
    try:
        usage = Usage(input_tokens=tokens_in, cache_read_tokens=cached, output_tokens=tokens_out)
        return float(calc_price(usage, model_ref=model).total_price)
    except (LookupError, ValueError):
        return None
