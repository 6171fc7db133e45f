"""Relationship tables of the snapshot: one query per (type, from, to), in the order of its ends.

In: as in `nodes`, and the node tables already made, registered as `node_<label>`, against which ends are checked where the
input may name what is not there. Out: rows of `graph.snapshot.relationship_schema`.
"""

from __future__ import annotations

from graph.schema import Edge, Type

__all__ = ["INTERESTS_PER_PERSON", "relationship_query"]

INTERESTS_PER_PERSON = 20


def relationship_query(edge: Edge) -> str:
    """The query of a relationship table."""
    source, target = edge.source.value.lower(), edge.target.value.lower()
    return _QUERIES[edge.type].format(source=source, target=target, limit=INTERESTS_PER_PERSON)


_QUERIES: dict[Type, str] = {
    Type.BELONGS_TO: """
        SELECT id AS source, person_id AS target, confidence, since FROM members WHERE kind = '{source}' ORDER BY id
    """,
    Type.SIGNED_IN_AS: """
        SELECT device_id AS source, account_id AS target, count, first_seen, last_seen FROM signed_in ORDER BY 1, 2
    """,
    Type.HAS_IDENTIFIER: """
        SELECT id AS source, identifier_id AS target FROM has_identifier WHERE kind = '{source}' ORDER BY 1, 2
    """,
    Type.SEEN_ON: "SELECT device_id AS source, network_id AS target, count, first_seen, last_seen FROM seen_on ORDER BY 1, 2",
    # Evidence against (negative weights) explains why two are apart; it makes no relationship.
    Type.SAME_PERSON: """
        SELECT left_id AS source, right_id AS target, method, weight, probability, first_seen, last_seen FROM evidence
        WHERE left_kind = '{source}' AND right_kind = '{target}' AND weight > 0 ORDER BY 1, 2, method
    """,
    Type.ENGAGED: """
        SELECT subject_id AS source, content_id AS target, type, day, count, weight, first_at, last_at FROM engaged
        WHERE subject_kind = '{source}' ORDER BY 1, 2, type, day
    """,
    # A content's own category counts where nothing was learned about the content.
    Type.ABOUT: """
        WITH stated AS (
            SELECT content_id, unnest(category) AS tag_id FROM contents
            WHERE content_id NOT IN (SELECT content_id FROM learned_about)
        ), said AS (
            SELECT content_id, tag_id, score FROM learned_about UNION ALL SELECT content_id, tag_id, 1.0 FROM stated
        )
        SELECT content_id AS source, tag_id AS target, max(score) AS score
        FROM said JOIN node_content USING (content_id) JOIN node_tag USING (tag_id) GROUP BY ALL ORDER BY 1, 2
    """,
    Type.INTERESTED_IN: """
        SELECT person_id AS source, tag_id AS target, probability, model, "at"
        FROM (SELECT person_id, tag_id, probability, model, "at" FROM learned_interests
              JOIN node_person USING (person_id) JOIN node_tag USING (tag_id)
              QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY probability DESC, tag_id) <= {limit})
        ORDER BY 1, 2
    """,
    Type.PARENT: """
        SELECT t.tag_id AS source, parent_id AS target FROM learned_tags t JOIN node_tag p ON p.tag_id = parent_id
        WHERE t.tag_id <> parent_id ORDER BY 1, 2
    """,
    Type.RELATED: """
        SELECT from_id AS source, to_id AS target, type, max(weight) AS weight FROM relations
        WHERE from_kind = '{source}' AND to_kind = '{target}' AND type <> 'alias' GROUP BY ALL ORDER BY 1, 2, type
    """,
    Type.MEMBER_OF: """
        SELECT DISTINCT person_id AS source, audience_id AS target
        FROM audience_members JOIN node_person USING (person_id) JOIN node_audience USING (audience_id) ORDER BY 1, 2
    """,
    Type.LIVES_IN: """
        SELECT person_id AS source, household_id AS target FROM households JOIN node_person USING (person_id) ORDER BY 1, 2
    """,
}
