"""`python -m docs._picture`: the picture of README and start page, from measured times."""

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "networks-avx512-amx.json"
PICTURE = Path(__file__).with_name("pages") / "networks.svg"
NAMES = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "resnext50": "ResNeXt-50",
    "mobilenet_v2": "MobileNetV2",
    "efficientnet_b0": "EfficientNet-B0",
    "convnext_t": "ConvNeXt-T",
    "unet": "U-Net",
    "wavenet": "WaveNet",
    "r2plus1d_18": "R(2+1)D-18",
}
COLOURS = {"forward": "#2f6fd0", "train": "#d98032"}
TITLES = {"forward": "forward", "train": "training step"}
INK = "#6b7280"  # legible on white and on black


def draw(results: Path, picture: Path) -> None:
    """Draw PyTorch's time, in the faster of its layouts, over ours: two bars a network."""
    ratios: dict[str, dict[str, float]] = {"forward": {}, "train": {}}
    for timed in json.loads(results.read_text())["networks"]:
        times = timed["milliseconds"]
        best = min(time for side, time in times.items() if side.startswith("torch"))
        ratios[timed["mode"]][timed["network"]] = best / times["ours"]
    order = sorted(NAMES, key=ratios["forward"].__getitem__, reverse=True)
    with mpl.rc_context({"svg.hashsalt": "convgrad", "svg.fonttype": "none", "font.size": 11}):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for i, mode in enumerate(ratios):
            places = [k + 0.38 * i - 0.19 for k in range(len(order))]
            widths = [ratios[mode][name] for name in order]
            bars = axes.barh(places, widths, height=0.36, color=COLOURS[mode], label=TITLES[mode])
            axes.bar_label(bars, fmt="%.2f", padding=-27, fontsize=9, color="white")
        axes.axvline(1, color=INK, linewidth=1, linestyle="--", zorder=0)
        axes.set_yticks(range(len(order)), [NAMES[name] for name in order])
        axes.invert_yaxis()
        axes.set_xlim(0, 2)
        axes.set_xlabel("PyTorch's time, in its faster layout, over ours (CPU)", color=INK)
        axes.tick_params(colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        axes.legend(loc="lower right", frameon=False, labelcolor=INK)
        figure.savefig(picture, transparent=True, metadata={"Date": None, "Creator": None})
    text = picture.read_text()
    picture.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")


if __name__ == "__main__":
    draw(RESULTS, PICTURE)
