"""The class-level subgraph: how many people have what, as a graph between classes. In: stars. Out: a `Subgraph` that holds no row
about anybody.

Nodes are classes of persons (numbers of devices and accounts, shared household), of devices (kind, family), accounts as one,
and tags of the second tier; `people` counts distinct people, so that one person adds at most one to each node and edge. Counts
under k are left out, with every edge at a node that is; the others are rounded down. This is suppression, not differential
privacy: an attacker who knows everybody else in a class of k can tell the last one from two releases that differ by that person
only, which the minimum difference between releases is there to prevent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from graph.privacy.payloads import Subgraph, SubgraphEdge, SubgraphLevel, SubgraphNode, Value
from graph.privacy.stars import Star

__all__ = ["class_graph"]

_Class = tuple[str, tuple[tuple[str, Value], ...]]
_Link = tuple[_Class, _Class, str]


def class_graph(people: Iterable[Star], *, k: int, step: int) -> Subgraph:
    """Counts between classes: none under `k`, all rounded down to a multiple of `step`. Ids are numbers in the order of the
    classes' names."""
    nodes: Counter[_Class] = Counter()
    links: Counter[_Link] = Counter()
    for star in people:
        told = set(_links(star))
        links.update(told)
        nodes.update({end for source, target, _ in told for end in (source, target)} | {_person(star)})
    kept = sorted(c for c, n in nodes.items() if n >= k)
    names = {c: f"c{i}" for i, c in enumerate(kept, start=1)}
    return Subgraph(
        SubgraphLevel.CLASS,
        tuple(SubgraphNode(names[c], c[0], {**dict(c[1]), "people": nodes[c] - nodes[c] % step}) for c in kept),
        tuple(
            SubgraphEdge(names[source], names[target], kind, {"people": n - n % step})
            for (source, target, kind), n in sorted(links.items())
            if n >= k and source in names and target in names
        ),
        k,
    )


def _links(star: Star) -> Iterator[_Link]:
    person = _person(star)
    for device in star.devices:
        yield ("Device", (("kind", device.kind), ("os", device.os))), person, "BELONGS_TO"
    if star.accounts:
        yield ("Account", ()), person, "BELONGS_TO"
    if star.tag is not None:
        yield person, ("Tag", (("name", star.tag),)), "INTERESTED_IN"


def _person(star: Star) -> _Class:
    return "Person", (
        ("accounts", f"{len(star.accounts)}{'+' if star.more_accounts else ''}"),
        ("devices", f"{len(star.devices)}{'+' if star.more_devices else ''}"),
        ("household", star.household),
    )
