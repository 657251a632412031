from __future__ import annotations

from admit.resources import folder


def test_the_checkout_s_grammar() -> None:
    assert (folder("grammar") / "cel.lark").read_text("utf-8").startswith("// CEL")
