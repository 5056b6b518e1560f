"""How models, keys, proofs and evaluations look in a notebook: tables and bars in plain HTML, without scripts and without a network.

Names come from files of others: everything is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Any, Iterable, Optional

import numpy as np

_STYLE = "border-collapse:collapse;font-size:90%"
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:baseline"
_NUMBER = "text-align:right;padding:2px 12px 2px 0;vertical-align:baseline;white-space:nowrap;font-variant-numeric:tabular-nums"
_FILL = "#4477aa"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th style="{_CELL};font-weight:normal;opacity:.7">{escape(name)}</th><td style="{_CELL}">{value}</td></tr>'
        for name, value in rows
    )
    return f'<table style="{_STYLE}">{cells}</table>'


def _titled(title: str, *bodies: str) -> str:
    return f'<div class="tessera" style="line-height:1.45"><b>{escape(title)}</b>{"".join(bodies)}</div>'


def _listed(head: list[str], rows: list[list[str]], numbers: set[int]) -> str:
    """A table with a head, that scrolls where it is long; cells are HTML."""

    def cells(row: list[str], tag: str, more: str) -> str:
        styles = [_NUMBER if i in numbers else _CELL for i in range(len(row))]
        return "<tr>" + "".join(f'<{tag} style="{s}{more}">{c}</{tag}>' for s, c in zip(styles, row)) + "</tr>"

    head_row = cells([escape(h) for h in head], "th", ";font-weight:normal;opacity:.7")
    body = "".join(cells(row, "td", "") for row in rows)
    return f'<div style="max-height:420px;overflow:auto;margin-top:6px"><table style="{_STYLE}">{head_row}{body}</table></div>'


def _bar(share: float, text: str = "") -> str:
    width = max(0.0, min(1.0, share)) * 160
    return (
        '<span style="display:inline-block;width:160px;background:#8882;vertical-align:middle">'
        f'<span style="display:block;width:{width:.0f}px;height:10px;background:{_FILL}"></span></span> {escape(text)}'
    )


def page(html: str) -> str:
    """A page of its own within a notebook, where its styles meet no others."""
    style = "width:100%;height:880px;border:0;background:#fff;color-scheme:light"
    return f'<iframe srcdoc="{escape(html)}" style="{style}" title="what a proof costs"></iframe>'


def histogram(values: np.ndarray, bins: int = 41) -> tuple[np.ndarray, np.ndarray]:
    """How many values lie in each of so many equal parts of a range around zero, and the ends of the parts.

    >>> counts, ends = histogram(np.array([-1.0, 0.0, 1.0]), bins=3)
    >>> counts.tolist(), [round(float(e), 3) for e in ends]
    ([1, 1, 1], [-1.0, -0.333, 0.333, 1.0])
    """
    values = np.asarray(values, np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    reach = float(np.abs(values).max(initial=0.0)) or 1.0
    return np.histogram(values, bins=bins, range=(-reach, reach))


def _chart(values: np.ndarray, step: float) -> str:
    """The histogram as a picture."""
    counts, ends = histogram(values)
    width, height, most = 420, 90, max(1, int(counts.max()))
    each = width / len(counts)
    bars = "".join(
        f'<rect x="{i * each:.1f}" y="{height * (1 - n / most):.1f}" width="{each - 1:.1f}" height="{height * n / most:.1f}" fill="{_FILL}">'
        f"<title>{ends[i]:.3g} to {ends[i + 1]:.3g}: {n:,}</title></rect>"
        for i, n in enumerate(counts)
        if n
    )
    text = 'font-size="11" fill="currentColor" opacity=".75"'
    labels = "".join(
        f'<text x="{x}" y="{height + 14}" text-anchor="{anchor}" {text}>{value:.3g}</text>'
        for x, anchor, value in ((0, "start", ends[0]), (width / 2, "middle", 0.0), (width, "end", ends[-1]))
    )
    line = f'<line x1="0" y1="{height}" x2="{width}" y2="{height}" stroke="currentColor" opacity=".4"/>'
    root = float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
    return (
        f"root mean square {root:.3g}, in steps of {step:.3g}"
        f'<svg viewBox="0 0 {width} {height + 20}" width="{width}" height="{height + 20}" role="img" style="display:block;margin-top:4px">'
        f"{bars}{line}{labels}</svg>"
    )


def size(n: float) -> str:
    """Bytes for people.

    >>> size(17), size(2048), size(3 << 20)
    ('17 B', '2.0 KiB', '3.0 MiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _port(p: Any) -> str:
    name, shape = escape(p["name"]), "×".join(str(d) for d in p["shape"])
    return f"<code>{name}</code> {shape}, integers {p['min']} to {p['max']} in steps of {p['scale']:.3g}"


def _seconds(s: float) -> str:
    return f"{s * 1000:.3g} ms" if s < 1 else f"{s:.3g} s"


def _costs(m: Any) -> str:
    """The layers in the order of the network, with what each takes of a proof; then what no layer has."""
    costs = {c["layer"]: c for c in m.explain().layers}
    layers: dict[str, dict[str, Any]] = {}
    for op in m.layers:
        layer = layers.setdefault(op["name"], {"ops": []})
        layer["ops"].append(op["op"])
        layer.update(shape=op["shape"], bits=op["bits"])
    whole = sum(c["seconds"] for c in costs.values()) or 1.0
    most = max((c["seconds"] for c in costs.values()), default=0.0) or 1.0

    def row(name: str, layer: Optional[dict[str, Any]]) -> list[str]:
        cost = costs.get(name)
        ops = ", ".join(dict.fromkeys(layer["ops"])) if layer else ""
        shape = "×".join(map(str, layer["shape"])) if layer else ""
        bits = str(layer["bits"]) if layer and layer["bits"] is not None else ""
        shown = [_seconds(cost["seconds"]), _bar(cost["seconds"] / most, f"{cost['seconds'] / whole:.1%}")] if cost else ["", ""]
        return [f"<code>{escape(name)}</code>" if layer else f"<i>{escape(name.strip('()'))}</i>", escape(ops), shape, bits, *shown]

    rows = [row(name, layer) for name, layer in layers.items()]
    rows += [row(name, None) for name in costs if name not in layers]
    return _listed(["layer", "operation", "result", "bits", "proving", ""], rows, {3, 4})


def model(m: Any) -> str:
    """A compiled model: what goes in and out, what a proof will cost, and its layers."""
    about, expected = m.metadata, m.summary["prediction"]
    rows = [("input", _port(p)) for p in about["inputs"]] + [("output", _port(p)) for p in about["outputs"]]
    proof = f"about {_seconds(expected['prove_cpu_s'])} of one core, {size(expected['proof_bytes'])}, verified in {_seconds(expected['verify_cpu_s'])}"
    rows += [
        ("parameters", f"{about['parameters']:,}"),
        ("a proof", proof + (f", of up to {m.batch} inferences" if m.batch > 1 else "")),
        ("ranges", f"from {about['calibration']['samples']} inferences"),
        ("backend", escape(about["backend"])),
    ]
    return _titled(f"Compiled model {m.name}", _table(rows), _costs(m))


def module(m: Any) -> str:
    """A module of IR: its operations."""

    def row(op: Any) -> list[str]:
        reads, makes = ", ".join("argument" if o.op is None else str(o.op) for o in op.operands), ", ".join(op.results)
        makes = makes if len(makes) <= 80 else makes[:79] + "…"
        return [str(op.index), f"<code>{escape(op.name)}</code>", escape(op.place), reads, f"<code>{escape(makes)}</code>"]

    return _titled(f"Module of the level {m.level}", _listed(["", "operation", "node", "reads", "result"], [row(op) for op in m.ops], {0}))


def check(c: Any) -> str:
    """Whether a model can be proven: what it takes, or what stands in the way."""
    operators = sorted(c.operators.items(), key=lambda o: (-o[1], o[0]))
    rows = [("operators", ", ".join(f"{n} {escape(name)}" for name, n in operators))]
    if not c.supported:
        refused = [
            [escape(r.operator or ""), escape(r.reason), ", ".join(f"<code>{escape(n)}</code>" for n in r.nodes[:8]), escape(r.help or "")]
            for r in c.refused
        ]
        return _titled("This model cannot be proven", _table(rows), _listed(["operator", "reason", "nodes", ""], refused, set()))
    e = c.expected
    rows += [("input", _port(p)) for p in e["inputs"]] + [("output", _port(p)) for p in e["outputs"]]
    rows += [
        ("parameters", f"{e['parameters']:,}"),
        ("a proof", f"about {_seconds(e['prove_cpu_s'])} of one core, {size(e['proof_bytes'])}, {size(e['memory_bytes'])} of memory"),
        ("", "with ranges made up, not of your data"),
    ]
    return _titled("This model can be proven", _table(rows))


def key(about: Any) -> str:
    """A verifying key: of which model, and what its proofs are worth."""
    security = about["security"]
    rows = [
        ("digest", f"<code>{escape(about['digest'])}</code>"),
        ("program", f"<code>{escape(about['program'])}</code>"),
        ("security", f"{security['bits']:.1f} bits ({escape(security['regime'])} bounds), limited by {escape(security['limited_by'])}"),
    ]
    if about["weights"]:
        rows.append(("weights", f"committed: <code>{escape(about['weights'])}</code>"))
    return _titled(f"Verifying key of {about['model']['name']}", _table(rows))


def proof(p: Any) -> str:
    """A proof: its statement, what it would be worth, and what it hides. Whether it holds only a verifier says."""
    about = p._key._about
    security = about["security"]
    hidden = [name for name, value in p.inputs.items() if value is None]
    open_ = [f"<code>{escape(name)}</code>" for name, value in p.inputs.items() if value is not None]
    one = "an input that the prover knows" if hidden else "the public input in the proof"
    many = f"{len(p)} inputs that the prover knows" if hidden else f"the {len(p)} public inputs in the proof"
    rows = [("statement", f"the quantized model {escape(p._metadata['name'])}, run on {one if len(p) == 1 else many}, gives:")]
    for (name, value), said in zip(p.integers.items(), p.outputs.values()):
        texts = np.asarray(said).dtype.kind == "U"
        flat = [escape(str(v)) for v in (np.asarray(said) if texts else value).reshape(-1)[:12]]
        shape = "×".join(str(d) for d in value.shape)
        rows.append((f"output {name}", f"{shape}{' texts' if texts else ' integers'}: {', '.join(flat)}{' …' if value.size > 12 else ''}"))
    if p._metadata["labels"]:
        rows.append(("greatest score", ", ".join(escape(label) for label in p.labels[:12])))
    if p.text is not None:
        words = " ".join(map(str, p.text.prompt)), " ".join(map(str, p.text.generated))
        rows.append(("text", f"after the prompt {escape(words[0])} the tokens {escape(words[1])}"))
    if open_:
        rows.append(("known", "input " + ", ".join(open_)))
    if hidden:
        bits = f", at {security['hiding']:.0f} bits" if security["hiding"] is not None else ""
        names = ", ".join(f"<code>{escape(name)}</code>" for name in hidden)
        rows.append(("hidden", f"input {names}, but for its shape, scale and range and what the outputs tell of it{bits}"))
    for name, opening in p.openings.items():
        rows.append(("committed", f"<code>{escape(name)}</code> as <code>{escape(opening.root)}</code>, opened in <code>openings</code>"))
    if about["weights"]:
        rows.append(("weights", f"their owner's, committed as <code>{escape(about['weights'][:16])}…</code>"))
    worth = f"{security['bits']:.1f} bits ({escape(security['regime'])} bounds), limited by {escape(security['limited_by'])}"
    rows += [
        ("soundness", f"{worth}, once it is verified"),
        ("key", f"<code>{escape(about['digest'][:16])}…</code>"),
        ("size", size(len(p.to_bytes()))),
        ("", "not verified by being here: <code>tessera.verify(key, proof)</code>"),
    ]
    return _titled(f"Proof of {p._metadata['name']}", _table(rows))


def verified(v: Any) -> str:
    """A proof that holds: what it says, as the command puts it, a name before each part."""
    rows: list[list[str]] = []
    for line in str(v).split("\n"):
        name, rest = line[:13].strip(), line[13:]
        if name or not rows:
            rows.append([name, escape(rest)])
        else:
            rows[-1][1] += "<br>" + escape(rest)
    return _titled("This proof holds", _table((name, text) for name, text in rows))


#: What an evaluation's agreement is a share of.
_SAME = {
    "classes": "same class",
    "sequence": "same class, of positions",
    "labels": "same label",
    "numbers": "within a hundredth of the range",
}


def evaluation(e: Any) -> str:
    """Float beside quantized, how far outputs moved, and the noise of every layer."""
    rows = [("inputs", f"{e.samples:,}")]
    if e.float_accuracy is not None and e.quantized_accuracy is not None:
        rows.append(("accuracy", f"float {e.float_accuracy:.1%}, quantized {e.quantized_accuracy:.1%}"))
    if e.r2 is not None:
        rows.append(("explained", f"float {e.r2[0]:.2%}, quantized {e.r2[1]:.2%} of the variance"))
    if e.error is not None:
        rows.append(("error", f"float {e.error[0]:.4g}, quantized {e.error[1]:.4g}, in the mean"))
    if e.perplexity is not None:
        rows.append(("perplexity", f"float {e.perplexity[0]:.4f}, quantized {e.perplexity[1]:.4f}, of the tokens of the inputs"))
    rows.append((_SAME[e.task], _bar(e.agreement, f"{e.agreement:.1%}")))
    rows.append(("cosine", f"mean {e.cosine[0]:.5f}, least {e.cosine[1]:.5f}"))
    if len(e.outputs) > 1:
        rows += [(f"output {name}", f"cosine {cosine:.5f}, signal to noise {snr:.1f} dB") for name, cosine, snr in e.outputs]
    rows.append((f"{e.outputs[0][0]} moved by" if len(e.outputs) > 1 else "output moved by", _chart(e.errors, e.step)))
    layers = [
        [f"<code>{escape(name)}</code>", escape(op), "" if snr is None else _bar(snr / 60, f"{snr:.1f} dB")] for name, op, snr in e.layers
    ]
    return _titled("Float and quantized", _table(rows), _listed(["layer", "operation", "signal to noise"], layers, set()))
