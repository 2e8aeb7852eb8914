"""Makes launcher and search known to Hydra, which looks for its own kind only in packages called `hydra_plugins`.

A callback is the one place before a sweep begins where Hydra calls a class of ours; nothing is to be installed then.
"""

from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.plugins.plugin import Plugin

from selfsup.sweeps.launcher import Processes
from selfsup.sweeps.search import Search

NAMES: dict[str, type[Plugin]] = {"hydra_plugins.selfsup.Processes": Processes, "hydra_plugins.selfsup.Search": Search}
"""As conf/hydra spells it -> the class."""


class Sweeps(Callback):
    """Hydra's callback of every command."""

    def __init__(self) -> None:
        Plugins.instance().class_name_to_class.update(NAMES)
