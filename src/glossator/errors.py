"""Every error that Glossator raises on purpose.

    GlossatorError                 something a person can act on; shown without a traceback
    ├── UsageError                 wrong use or settings            (exit code 2)
    │   ├── RecipeError            a recipe that can't be run
    │   ├── SourceError            a source that can't be read at all
    │   ├── MissingExtraError      an optional package is not installed
    │   └── WorkspaceError         not a workspace, or one that can't be used this way
    │       └── WorkspaceBusyError another run holds the workspace
    └── StopRun                    a run must not go on             (exit code 3)
        ├── WorkerDiedError        a worker process ended unasked
        ├── CredentialsError       the endpoint refuses the key
        ├── EndpointDownError      the endpoint does not answer
        ├── CreditError            the account has no credit left, or is cut off for hours
        ├── TooManyFailuresError   the share of failed rows is above its limit
        └── BudgetError            the money or token limit is reached

A bad *row* is never an exception at this level: it is a `results.Failed` and becomes a row of `failures`.
"""


class GlossatorError(Exception):
    """Base of all errors that a person can act on. The message says what, where, and what to do."""

    exit_code = 2


class UsageError(GlossatorError):
    """Wrong use or wrong settings."""


class RecipeError(UsageError):
    """A recipe that can't be loaded or planned."""


class SourceError(UsageError):
    """A source that can't be read at all (a bad record inside a source is a failed row instead)."""


class MissingExtraError(UsageError):
    """An optional package is missing; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # both arguments, so that the error can travel back from a worker process
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.args[0]} needs the extra '{self.extra}': pip install 'glossator[{self.extra}]'"


class WorkspaceError(UsageError):
    """The folder is no workspace, or can't be used this way."""


class WorkspaceBusyError(WorkspaceError):
    """Another run holds the workspace."""


class StopRun(GlossatorError):
    """The run must not go on; finished work is kept."""

    exit_code = 3


class WorkerDiedError(StopRun):
    """A worker process ended unasked, most often for want of memory."""


class CredentialsError(StopRun):
    """The endpoint refuses the credentials."""


class EndpointDownError(StopRun):
    """The endpoint does not answer."""


class CreditError(StopRun):
    """The endpoint's account has no credit left, or is rate limited for hours."""


class TooManyFailuresError(StopRun):
    """The share of failed rows is above `run.budget.max_failed_share`."""


class BudgetError(StopRun):
    """`run.budget.usd` or `run.budget.tokens` is used up."""
