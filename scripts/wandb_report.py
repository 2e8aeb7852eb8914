"""Build the report at W&B that compares the runs of a sweep: curves, scores, figures, galaxies side by side.

    pip install wandb-workspaces
    wandb sync outputs/multirun/SWEEP/*/wandb/offline-run-*      # where the runs were offline
    python scripts/wandb_report.py ENTITY/PROJECT SWEEP --metrics probe/knn/balanced_accuracy probe/linear/roc_auc

SWEEP is the group of the runs: the name of the sweep's folder. The report is a draft that its owner can edit. Written
after the documentation and examples of wandb-workspaces 0.4 (a public preview), and never run against W&B's server:
building the blocks needs the package, saving them an account.
"""

import argparse
import importlib
import sys

MEDIA = ("comparison", "map", "neighbours", "reconstruction", "views")
"""Figures of a run, as it logs them."""


def main() -> None:
    """Save the report, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", help="ENTITY/PROJECT")
    parser.add_argument("group", help="the sweep's name")
    parser.add_argument("--metrics", nargs="+", default=["probe/knn/balanced_accuracy"], help="scores to compare")
    parser.add_argument("--curves", nargs="+", default=["train/loss"], help="curves to lay over each other")
    asked = parser.parse_args()
    entity, slash, project = asked.project.partition("/")
    if not (entity and slash and project):
        parser.error(f"project: {asked.project} is not ENTITY/PROJECT")
    try:
        reports = importlib.import_module("wandb_workspaces.reports.v2")
        workspaces = importlib.import_module("wandb_workspaces.workspaces")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "wandb_workspaces":
            raise
        sys.exit("wandb_workspaces is not installed; run `uv pip install wandb-workspaces`, then this again")
    runs = {"entity": entity, "project": project, "filters": [workspaces.Metric("Group") == asked.group]}
    scores = [reports.BarPlot(metrics=[metric], title=metric) for metric in asked.metrics]
    curves = [reports.LinePlot(x="trainer/global_step", y=[curve], title=curve) for curve in asked.curves]
    figures = [reports.MediaBrowser(media_keys=[name], title=name) for name in MEDIA]
    sections = {"Scores": scores, "Training": curves, "Pictures": figures, "Settings": [reports.RunComparer()]}
    blocks = []
    for heading, panels in sections.items():
        blocks += [reports.H1(heading), reports.PanelGrid(runsets=[reports.Runset(**runs)], panels=panels)]
    report = reports.Report(entity=entity, project=project, title=f"Sweep {asked.group}", blocks=blocks)
    report.save(draft=True)
    print(report.url)


if __name__ == "__main__":
    main()
