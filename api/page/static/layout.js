/** Places for the nodes of a subgraph, without any randomness: the same subgraph is always drawn the same. */

const COLUMNS = [["Device", "Account"], ["Person"], ["Tag"]];
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/**
 * Classes in three columns: what people use, people, what they like; {places: Map id → {x, y, r}, width, height}. The area of a
 * node is in proportion to `people`. Columns are ordered by the mean place of what a node is joined to (barycentre heuristic of
 * Sugiyama et al. 1981), largest first at the start.
 */
export function layered(nodes, edges, { width = 900, gap = 14, largest = 30 } = {}) {
  const most = Math.max(...nodes.map((n) => n.people), 1);
  const radius = (n) => Math.max(4, largest * Math.sqrt(n.people / most));
  const columns = COLUMNS.map((labels) =>
    nodes.filter((n) => labels.includes(n.label)).sort((a, b) => b.people - a.people || order(a, b)),
  );
  const tallest = Math.max(...columns.map((column) => column.reduce((sum, n) => sum + 2 * radius(n) + gap, gap)));
  const height = Math.max(tallest, 240);
  const places = new Map();
  const place = (column, n) => {
    const used = column.reduce((sum, node) => sum + 2 * radius(node), 0);
    const room = (height - used) / (column.length + 1);
    let y = room;
    for (const node of column) {
      const r = radius(node);
      places.set(node.id, { x: width * [0.2, 0.5, 0.72][n], y: y + r, r });
      y += 2 * r + room;
    }
  };
  columns.forEach(place);
  const joined = neighbours(edges);
  for (let sweep = 0; sweep < 4; sweep += 1) {
    columns.forEach((column, n) => {
      const mean = new Map(column.map((node) => [node.id, barycentre(node, joined, places)]));
      column.sort((a, b) => mean.get(a.id) - mean.get(b.id) || order(a, b));
      place(column, n);
    });
  }
  return { places, width, height };
}

function barycentre(node, joined, places) {
  const ends = joined.get(node.id) ?? [];
  const weight = ends.reduce((sum, [, w]) => sum + w, 0);
  return weight ? ends.reduce((sum, [id, w]) => sum + w * places.get(id).y, 0) / weight : places.get(node.id).y;
}

function neighbours(edges) {
  const joined = new Map();
  for (const { source, target, people = 1 } of edges) {
    for (const [a, b] of [
      [source, target],
      [target, source],
    ]) {
      if (!joined.has(a)) joined.set(a, []);
      joined.get(a).push([b, people]);
    }
  }
  return joined;
}

const order = (a, b) => (a.id < b.id ? -1 : Number(a.id > b.id));

/**
 * Persons as suns with their devices and accounts around them, the suns of one tag in a disc around it (sunflower packing, Vogel
 * 1979), discs in rows; {places, width, height}. Persons without a tag have a disc of their own.
 */
export function stars(nodes, edges, { width = 900, apart = 26 } = {}) {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const joined = neighbours(edges);
  const discs = new Map();
  for (const person of nodes.filter((n) => n.label === "Person")) {
    const tag = (joined.get(person.id) ?? []).map(([id]) => id).find((id) => byId.get(id)?.label === "Tag") ?? "";
    if (!discs.has(tag)) discs.set(tag, []);
    discs.get(tag).push(person);
  }
  const radius = (members) => apart * 0.62 * Math.sqrt(members.length + 1) + apart;
  const sized = [...discs].map(([tag, members]) => ({ tag, members, r: radius(members) }));
  sized.sort((a, b) => b.r - a.r || (a.tag < b.tag ? -1 : 1));
  const wide = Math.max(width, ...sized.map((d) => 2 * d.r));
  const places = new Map();
  let [x, y, row] = [0, 0, 0];
  for (const { tag, members, r } of sized) {
    if (x > 0 && x + 2 * r > wide) [x, y, row] = [0, y + row, 0];
    disc({ x: x + r, y: y + r }, tag, members, { places, joined, byId, apart });
    x += 2 * r;
    row = Math.max(row, 2 * r);
  }
  return { places, width: wide, height: y + row };
}

function disc(centre, tag, members, { places, joined, byId, apart }) {
  if (tag) places.set(tag, { ...centre, r: 9 });
  members.forEach((person, n) => {
    const distance = apart * 0.62 * Math.sqrt(n + (tag ? 1.5 : 0.5));
    const sun = {
      x: centre.x + distance * Math.cos(n * GOLDEN_ANGLE),
      y: centre.y + distance * Math.sin(n * GOLDEN_ANGLE),
      r: 4.5,
    };
    places.set(person.id, sun);
    const planets = (joined.get(person.id) ?? []).map(([id]) => id).filter((id) => byId.get(id).label !== "Tag");
    planets.forEach((id, i) => {
      const angle = (2 * Math.PI * i) / planets.length + n * GOLDEN_ANGLE;
      places.set(id, { x: sun.x + 8 * Math.cos(angle), y: sun.y + 8 * Math.sin(angle), r: 2.5 });
    });
  });
}
