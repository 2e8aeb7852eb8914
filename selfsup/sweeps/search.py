"""Hydra's sweeper for hyper-parameters: Optuna proposes the jobs, learns from their values, and never forgets one.

Akiba et al. 2019, "Optuna" (arXiv 1907.10902); its tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS) is
asked for trials and told their values. A job that died is told as failed, and the search goes on. Trials lie in a
journal in the sweep's folder, so that a search can be taken up.
"""

import importlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from selfsup.durable import replacing
from selfsup.extras import optional
from selfsup.types import ConfigError

JOURNAL = "trials.journal"
BEST = "best.json"
log = logging.getLogger(__name__)


class Search(Sweeper):
    """Asks Optuna for trials, lets the launcher run them, tells it what they returned.

    Args:
        n_trials: of the whole search, those before an interruption included.
        n_jobs: trials that are asked for, and run, together.
        direction: maximize or minimize what the task returns, its first score.
        seed: of the proposals.
        params: name -> what is searched, as it would be typed: interval(1e-4,1e-2), choice(a,b), range(8,65,8).
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        direction: Literal["maximize", "minimize"],
        seed: int,
        params: Mapping[str, str] | None,
    ) -> None:
        self.n_trials, self.n_jobs, self.direction, self.seed = n_trials, n_jobs, direction, seed
        self.params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Let Hydra make the launcher.

        Raises:
            ConfigError: Optuna is not installed.
        """
        self._optuna = optional("optuna", "optuna")
        self._context, self._config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        """Search, and leave the best trial in the sweep's folder.

        Raises:
            ConfigError: nothing is to be searched.
            SystemExit: trials failed; the best of the others is found all the same.
        """
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        typed = parser.parse_overrides([*(f"{key}={value}" for key, value in self.params.items()), *arguments])
        chosen = {override.get_key_element(): override for override in typed}  # the command line's, where both say
        fixed = [str(each.input_line) for each in chosen.values() if not each.is_sweep_override()]
        space = {key: self._distribution(each) for key, each in chosen.items() if each.is_sweep_override()}
        if not space:
            raise ConfigError("sweep=optuna: nothing to search; write optimizer.lr='tag(log,interval(1e-4,1e-2))'")
        study = self._study()
        while (begun := len(finished(study))) < self.n_trials:
            trials = [study.ask(space) for _ in range(min(self.n_jobs, self.n_trials - begun))]
            jobs = [[*fixed, *(f"{key}={value}" for key, value in trial.params.items())] for trial in trials]
            returned = self._launcher.launch(jobs, initial_job_idx=trials[0].number)
            self._tell(study, trials, returned)
        self._conclude(study)

    def _study(self) -> Any:
        """The search of this folder; trials that were at work when it was killed come first."""
        optuna = self._optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        journal = importlib.import_module("optuna.storages.journal")
        self._folder = Path(str(self._config.hydra.sweep.dir))
        self._folder.mkdir(parents=True, exist_ok=True)
        storage = journal.JournalStorage(journal.JournalFileBackend(str(self._folder / JOURNAL)))
        study = optuna.create_study(storage=storage, study_name="sweep", direction=self.direction, load_if_exists=True)
        # Seeded anew, it would propose the first trials a second time.
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + len(study.trials))
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.enqueue_trial(trial.params, user_attrs={"again": trial.number})
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return study

    def _tell(self, study: Any, trials: Sequence[Any], returned: Sequence[JobReturn]) -> None:
        fail = self._optuna.trial.TrialState.FAIL
        for trial, job in zip(trials, returned, strict=True):
            value = job.return_value if job.status is JobStatus.COMPLETED else None
            if value is None:  # it died, or its score is no number
                study.tell(trial, state=fail)
            else:
                study.tell(trial, value)

    def _conclude(self, study: Any) -> None:
        whole = [trial for trial in finished(study) if trial.value is not None]
        failed = len(finished(study)) - len(whole)
        if whole:
            best = study.best_trial
            with replacing(self._folder / BEST) as file:
                file.write(json.dumps({"trial": best.number, "value": best.value, "params": best.params}).encode())
            log.info("best of %d: trial %d, %.4g with %s", len(whole), best.number, best.value, best.params)
        if failed:
            sys.exit(f"\nselfsup: {failed} of {self.n_trials} trials failed; their folders in {self._folder} say why")

    def _distribution(self, override: Override) -> Any:
        """What of Optuna's is meant; values of choices stay as they are typed."""
        distributions, value = self._optuna.distributions, override.value()
        if isinstance(value, IntervalSweep):
            whole = isinstance(value.start, int) and isinstance(value.end, int)
            kind = distributions.IntDistribution if whole else distributions.FloatDistribution
            return kind(value.start, value.end, log="log" in value.tags)
        return distributions.CategoricalDistribution(list(override.sweep_string_iterator()))


def finished(study: Any) -> list[Any]:
    """Trials that ended by themselves; those that were interrupted are asked for again."""
    trials: list[Any] = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get("again") for trial in trials}
    return [trial for trial in trials if trial.state.is_finished() and trial.number not in again]
