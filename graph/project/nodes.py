"""Node tables of the snapshot: one query per label, each in the order of its key.

In: the lake's views, the registered tables of the resolution (`members`, `persons`, …), interests (`learned_tags`, …) and
audiences, and the temporary tables `urls` and `engaged`. Out: rows of `graph.snapshot.node_schema`.
"""

from __future__ import annotations

from graph.schema import Label

__all__ = ["NODE_QUERIES"]

NODE_QUERIES: dict[Label, str] = {
    Label.PERSON: "SELECT person_id, class, devices, accounts, created_at FROM persons ORDER BY person_id",
    Label.DEVICE: """
        SELECT id AS device_id, d.kind, d.os, d.browser, class, since AS first_seen, last_seen
        FROM members LEFT JOIN devices d ON d.device_id = id WHERE members.kind = 'device' ORDER BY id
    """,
    Label.ACCOUNT: """
        SELECT id AS account_id, a.source, a.country, a.region, a.created_at, class
        FROM members LEFT JOIN accounts a ON a.account_id = id WHERE members.kind = 'account' ORDER BY id
    """,
    Label.IDENTIFIER: "SELECT identifier_id, kind, generic FROM identifiers ORDER BY identifier_id",
    Label.NETWORK: "SELECT network_id, devices, generic FROM networks ORDER BY network_id",
    # What an event says of a content fills in what the contents table lacks; of several the latest says it.
    Label.CONTENT: """
        SELECT content_id, coalesce(c.title, e.title) AS title, coalesce(c.url, e.url) AS url, c.lang
        FROM (SELECT content_id, title, coalesce(u.safe, url) AS url, lang FROM contents LEFT JOIN urls u ON u.raw = url) c
        FULL JOIN engaged_contents e USING (content_id) ORDER BY content_id
    """,
    # A tag that the taxonomy in use knows is described by it; else it is what a label says, else what a content's category says.
    Label.TAG: """
        WITH said AS (
            SELECT tag_id, name, taxonomy, sensitive, 0 AS rank FROM learned_tags
            UNION ALL SELECT DISTINCT tag, tag, 'labels', false, 1 FROM labels
            UNION ALL SELECT DISTINCT tag, tag, 'category', false, 2 FROM (SELECT unnest(category) AS tag FROM contents)
        )
        SELECT tag_id, arg_min(name, rank) AS name, arg_min(taxonomy, rank) AS taxonomy,
               coalesce(arg_min(sensitive, rank), false) AS sensitive
        FROM said WHERE tag_id IS NOT NULL AND tag_id <> '' GROUP BY tag_id ORDER BY tag_id
    """,
    Label.AUDIENCE: "SELECT audience_id, name, kind, size, version FROM audiences ORDER BY audience_id",
    Label.HOUSEHOLD: "SELECT DISTINCT household_id FROM households ORDER BY household_id",
}
