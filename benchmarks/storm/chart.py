"""The storms as pictures: reconnects a second, beside what was announced and what the server spent on them."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.storm.curve import per_second
from benchmarks.storm.restart import Outcome


def draw(parts: Sequence[tuple[str, Outcome, float]], path: Path) -> None:
    """Draw each restart into one PNG file.

    Args:
        parts: Its title, what it did, and the announced window in seconds, 0 if nothing was announced.
        path: The file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(parts), 1, figsize=(11, 4.5 * len(parts)), layout="constrained", squeeze=False)
    for axis, (title, outcome, window_s) in zip(axes[:, 0], parts, strict=True):
        seconds = int(max(outcome.back_s())) + 2
        axis.bar(range(seconds), per_second(outcome.back_s(), seconds), 0.9, align="edge", label="phones back")
        axis.step(range(seconds), per_second(outcome.dialed_s(), seconds), where="post", color="grey", label="dials")
        axis.axvspan(0, outcome.down_s, color="black", alpha=0.08, label="nobody listens")
        if window_s:
            mean = len(outcome.restarts) / window_s
            axis.axvspan(0, window_s, ymax=0.03, color="tab:orange", alpha=0.5, label="announced window")
            axis.axhline(mean, color="tab:orange", linestyle="--", label=f"its mean, {mean:.0f}/s")
            axis.axhline(3 * mean, color="tab:red", linestyle="--", label="3 x its mean")
        spent = axis.twinx()
        spent.plot(*zip(*outcome.cpu, strict=True), color="tab:green", label="server CPU")
        spent.set(ylim=(0, 1.5), ylabel="cores")
        axis.set(title=title, xlabel="seconds after the order to restart", ylabel="a second")
        lines = [each.get_legend_handles_labels() for each in (axis, spent)]
        axis.legend(lines[0][0] + lines[1][0], lines[0][1] + lines[1][1], loc="upper right", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
