"""A run begins: whoever is asked to look at it does so, before the first step."""

from collections.abc import Callable

from plusx.train.result import Examination
from plusx.train.setup import Setup
from plusx.train.stop import UnhealthyError
from plusx.train.whole import whole
from plusx.zoo import Network

__all__ = ["Examine", "examined"]

Examine = Callable[[Setup, Network], Examination]
"""Looks at a run that is set up, and at its network with all of its weights; changes neither."""


def examined(setup: Setup, examine: Examine, *, anyway: bool) -> Examination | None:
    """Let the first process examine, and tell what it found; the others get nothing.

    Raises `UnhealthyError` in all processes where something is wrong, unless `anyway`; the run's
    folder is then given up. An examination that fails itself is told, and stops nothing.
    """
    ranks, found = setup.ranks, None
    network = whole(setup)
    if network is not None and ranks.writes:
        found = _found(setup, network, examine)
    bad = found is not None and found.level == "bad" and not anyway
    if ranks.share_words("stop" if bad else "go") == "stop":
        ranks.leave()
        if ranks.writes:
            setup.run.give_up()
        raise UnhealthyError(found)
    if found is not None:
        _tell(setup, found)
    return found


def _found(setup: Setup, network: Network, examine: Examine) -> Examination | None:
    if setup.ranks.world > 1 and setup.config.norms == "together":
        setup.say("Not examined: its norms count images of all processes together")
        return None
    try:
        return examine(setup, network)
    except Exception as error:  # whatever is the matter with it, the run is not
        words = (str(error).strip() or "-").splitlines()[0]
        setup.say(f"The examination failed ({type(error).__name__}: {words}); the run goes on")
        return None


def _tell(setup: Setup, found: Examination) -> None:
    setup.say(f"Examined in {found.seconds:.0f} s: {found.sentence}")
    for finding in found.findings:
        setup.say(f"  {finding.title}. {finding.text}")
