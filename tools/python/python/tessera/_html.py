"""How models, keys, proofs and evaluations look in a notebook: tables and bars in plain HTML, without scripts and without a network.

Names come from files of others: everything is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Any, Iterable

_STYLE = "border-collapse:collapse;font-size:90%"
_CELL = "text-align:left;padding:2px 10px 2px 0;vertical-align:top"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th style="{_CELL};font-weight:normal;opacity:.7">{escape(name)}</th><td style="{_CELL}">{value}</td></tr>'
        for name, value in rows
    )
    return f'<table style="{_STYLE}">{cells}</table>'


def _titled(title: str, body: str) -> str:
    return f'<div class="tessera"><b>{escape(title)}</b>{body}</div>'


def _bar(share: float, text: str) -> str:
    width = max(0.0, min(1.0, share)) * 200
    return (
        '<span style="display:inline-block;width:200px;background:#8882;vertical-align:middle">'
        f'<span style="display:block;width:{width:.0f}px;height:10px;background:#4477aa"></span></span> {escape(text)}'
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


def model(m: Any) -> str:
    """A compiled model: what goes in and out, what a proof will cost, its largest tables."""
    about, summary = m.metadata, m.summary
    expected, tables = summary["prediction"], summary["program"]["tables"]
    cells = {t["name"]: t["height"] * (t["witness"] + t["fixed"]) for t in tables}
    most = max(cells.values(), default=1) or 1
    largest = sorted(cells.items(), key=lambda c: -c[1])[:12]
    rows = [("input", _port(p)) for p in about["inputs"]] + [("output", _port(p)) for p in about["outputs"]]
    rows += [
        ("parameters", f"{about['parameters']:,}"),
        ("a proof", f"about {expected['prove_cpu_s']:.2g} s of one core, {size(expected['proof_bytes'])}"),
        ("ranges", f"from {about['calibration']['samples']} inferences"),
        ("backend", escape(about["backend"])),
    ]
    rows += [("cells of tables" if i == 0 else "", _bar(n / most, f"{name}, {n:,}")) for i, (name, n) in enumerate(largest)]
    return _titled(f"Compiled model {m.name}", _table(rows))


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
    """A proof: its statement, and what it hides. Whether it holds only a verifier says."""
    hidden = [name for name, value in p.inputs.items() if value is None]
    rows = [("about", f"{len(p)} inference{'s' if len(p) > 1 else ''}; inputs {'hidden' if hidden else 'public'}")]
    for name, value in p.integers.items():
        flat = [str(v) for v in value.reshape(-1)[:12]]
        rows.append((f"output {name}", f"{'×'.join(str(d) for d in value.shape)}: {', '.join(flat)}{' …' if value.size > 12 else ''}"))
    if hidden:
        rows.append(("hidden", ", ".join(f"<code>{escape(name)}</code>" for name in hidden)))
    rows.append(("size", size(len(p.to_bytes()))))
    rows.append(("", "not verified by being here: <code>tessera.verify(key, proof)</code>"))
    return _titled(f"Proof of {p._metadata['name']}", _table(rows))


def evaluation(e: Any) -> str:
    """Float beside quantized, and the noise of every layer."""
    rows = [("inputs", f"{e.samples:,}")]
    if e.float_accuracy is not None and e.quantized_accuracy is not None:
        rows.append(("accuracy", f"float {e.float_accuracy:.1%}, quantized {e.quantized_accuracy:.1%}"))
    rows.append(("same class", _bar(e.agreement, f"{e.agreement:.1%}")))
    rows.append(("cosine", f"mean {e.cosine[0]:.5f}, least {e.cosine[1]:.5f}"))
    for i, (name, op, snr) in enumerate(e.layers):
        rows.append(("signal to noise" if i == 0 else "", _bar((snr or 0) / 60, f"{snr:.1f} dB, {name} ({op})" if snr else f"{name} ({op})")))
    return _titled("Float and quantized", _table(rows))
