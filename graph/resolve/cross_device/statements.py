"""The SQL of `features`: shares of networks and items, candidate pairs, sums over what a pair shares.

In: the temporary tables of `profiles`, `networks`, `generic_networks`, `classes`. Out: the temporary tables `network_share`,
`item_share`, `device_pairs`, and the query ALL over them. Sums are of whole billionths, whose order does not matter.
"""

from __future__ import annotations

__all__ = ["ALL", "ARBITRARY_PAIRS", "ITEM_FEATURES", "ITEM_SHARE", "NETWORK_SHARE", "PAIRS"]

NETWORK_SHARE = """
CREATE OR REPLACE TEMP TABLE network_share AS
WITH used AS (
    SELECT device_id, network_id, count(*) AS slots FROM presence
    WHERE device_id NOT IN (SELECT id FROM classes WHERE kind = 'device') GROUP BY ALL
), ranked AS (
    SELECT device_id, network_id, slots / sum(slots) OVER (PARTITION BY device_id) AS share,
           row_number() OVER (PARTITION BY device_id ORDER BY slots DESC, network_id) AS place
    FROM used
)
SELECT device_id, network_id, share, place = 1 AS main, devices, place <= $networks AS used
FROM ranked JOIN networks USING (network_id)
WHERE devices > 1 AND network_id NOT IN (SELECT network_id FROM generic_networks)
"""

ITEM_SHARE = """
CREATE OR REPLACE TEMP TABLE item_share AS
WITH ranked AS (
    SELECT device_id, item, count / sum(count) OVER (PARTITION BY device_id) AS share,
           count(*) OVER (PARTITION BY device_id) AS items,
           row_number() OVER (PARTITION BY device_id ORDER BY count DESC, item) AS place
    FROM visits WHERE device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
)
SELECT device_id, item, share, items, devices FROM ranked JOIN item_degrees USING (item)
WHERE devices BETWEEN 2 AND greatest($common * $all, 2 * $rare) AND (place <= $items OR devices <= $rare)
"""

# Neighbours at distances 1, 2, … in an order that has nothing to do with the devices.
ARBITRARY_PAIRS = """
CREATE OR REPLACE TEMP TABLE device_pairs AS
WITH known AS (
    SELECT device_id, kind, row_number() OVER (ORDER BY md5(device_id), device_id) - 1 AS place, count(*) OVER () AS known
    FROM device_facts WHERE device_id IN (SELECT device_id FROM visits)
), paired AS (
    SELECT a.device_id AS a, b.device_id AS b, a.kind IS DISTINCT FROM b.kind AS differ
    FROM known a CROSS JOIN range(1, 64) d(distance) JOIN known b ON b.place = (a.place + distance) % a.known
    WHERE distance <= greatest($pairs // a.known, 1) AND 2 * distance <= a.known AND a.device_id <> b.device_id
)
SELECT DISTINCT least(a, b) AS left_id, greatest(a, b) AS right_id, differ::DOUBLE AS differ FROM paired
ORDER BY md5(left_id || right_id) LIMIT $pairs
"""

PAIRS = """
CREATE OR REPLACE TEMP TABLE device_pairs AS
WITH by_network AS (
    SELECT DISTINCT l.device_id AS left_id, r.device_id AS right_id
    FROM network_share l JOIN network_share r USING (network_id)
    WHERE l.device_id < r.device_id AND l.used AND r.used
), by_item AS (
    SELECT l.device_id AS left_id, r.device_id AS right_id
    FROM item_share l JOIN item_share r USING (item)
    WHERE l.device_id < r.device_id AND l.devices <= $rare GROUP BY ALL HAVING count(*) >= $items
)
SELECT left_id, right_id FROM by_network UNION SELECT left_id, right_id FROM by_item
"""

NETWORK_FEATURES = """
SELECT left_id, right_id, sum(round(sqrt(l.share * r.share) * 1e9)::BIGINT)::DOUBLE / 1e9 AS overlap,
       sum(round(sqrt(l.share * r.share) * log2(l.devices - 1) * 1e9)::BIGINT)::DOUBLE / 1e9 AS crowd,
       sum(round(1e9 / (l.devices - 1))::BIGINT)::DOUBLE / 1e9 AS rare
FROM device_pairs JOIN network_share l ON l.device_id = left_id
JOIN network_share r ON r.device_id = right_id AND r.network_id = l.network_id GROUP BY left_id, right_id
"""

TOGETHER = """
SELECT left_id, right_id, count(DISTINCT a.slot // 144) AS days,
       count(DISTINCT CASE WHEN NOT l.main AND NOT r.main THEN a.slot // 144 END) AS days_away
FROM device_pairs JOIN network_share l ON l.device_id = left_id
JOIN network_share r ON r.device_id = right_id AND r.network_id = l.network_id
JOIN presence a ON a.device_id = left_id AND a.network_id = l.network_id
JOIN (SELECT device_id, network_id, unnest([slot - 1, slot, slot + 1]) AS slot FROM presence) b
    ON b.device_id = right_id AND b.network_id = l.network_id AND b.slot = a.slot
GROUP BY left_id, right_id
"""

# How much of what either did is of a type that the other did too: pages and app starts have nothing in common.
COMPARABLE = """
SELECT left_id, right_id, sum(a.count) AS left_common, sum(b.count) AS right_common,
       sqrt(sum(a.count)::DOUBLE * sum(b.count) / any_value(l.count * r.count)) AS common_share
FROM device_pairs JOIN activity a ON a.device_id = left_id JOIN activity b ON b.device_id = right_id AND b.type = a.type
JOIN (SELECT device_id, sum(count)::DOUBLE AS count FROM activity GROUP BY device_id) l ON l.device_id = left_id
JOIN (SELECT device_id, sum(count)::DOUBLE AS count FROM activity GROUP BY device_id) r ON r.device_id = right_id
GROUP BY left_id, right_id HAVING least(left_common, right_common) >= $events
"""

SHARED_ITEMS = """
SELECT left_id, right_id,
       sum(round(sqrt(l.share * r.share) * greatest(ln($all / l.devices), 0) / ln($all) * 1e9)::BIGINT)::DOUBLE / 1e9 AS contents,
       sum(CASE WHEN l.devices <= $rare THEN round(1e9 / (l.devices - 1))::BIGINT ELSE 0 END)::DOUBLE / 1e9
           / sqrt(any_value(l.items)::DOUBLE * any_value(r.items)) AS rare
FROM device_pairs JOIN item_share l ON l.device_id = left_id
JOIN item_share r ON r.device_id = right_id AND r.item = l.item GROUP BY left_id, right_id
"""

ITEM_FEATURES = f"""
SELECT left_id, right_id, coalesce(contents, 0) / common_share AS contents, coalesce(rare, 0) / common_share AS rare
FROM ({COMPARABLE}) LEFT JOIN ({SHARED_ITEMS}) USING (left_id, right_id)
"""

MAKER = """CASE WHEN regexp_matches({os}, 'ios|ipad|mac|os x|darwin|tvos') THEN 'apple'
    WHEN regexp_matches({os}, 'android|chrome') THEN 'google' WHEN {os} LIKE '%windows%' THEN 'microsoft' END"""

FACTS = f"""
SELECT left_id, right_id, (a.timezone = b.timezone)::DOUBLE AS same_timezone, (a.language = b.language)::DOUBLE AS same_language,
       (a.kind <> b.kind)::DOUBLE AS kinds_differ,
       ({MAKER.format(os="a.os")} = {MAKER.format(os="b.os")})::DOUBLE AS same_maker
FROM device_pairs JOIN device_facts a ON a.device_id = left_id JOIN device_facts b ON b.device_id = right_id
"""

ALL = f"""
SELECT left_id, right_id, sqrt(coalesce(n.overlap, 0)) AS overlap, (n.overlap IS NULL)::DOUBLE AS no_network,
       coalesce(n.crowd / n.overlap, 0) AS crowd,
       log2(1 + coalesce(n.rare, 0)) AS rare_networks,
       log2(1 + coalesce(t.days, 0)) AS together, log2(1 + coalesce(t.days_away, 0)) AS together_away,
       i.contents, i.rare AS rare_items,
       left_id IN (SELECT device_id FROM presence) AND right_id IN (SELECT device_id FROM presence) AS networks_known,
       f.same_timezone, f.same_language, f.kinds_differ, f.same_maker
FROM device_pairs LEFT JOIN ({NETWORK_FEATURES}) n USING (left_id, right_id) LEFT JOIN ({TOGETHER}) t USING (left_id, right_id)
LEFT JOIN ({ITEM_FEATURES}) i USING (left_id, right_id) LEFT JOIN ({FACTS}) f USING (left_id, right_id)
ORDER BY left_id, right_id
"""
