/** Seeds pasted as rows of kind,id. */

const KINDS = ["device", "account"];

/**
 * Seeds of a text: {seeds: [{kind, id}], problem}. `problem` is null, or says which line is none. Ids may stand in double
 * quotes, as spreadsheets write them.
 */
export function parseSeeds(text) {
  const seeds = [];
  for (const [n, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || (n === 0 && /^\W*kind\W+id\W*$/i.test(line))) continue;
    const [, kind, rest] = /^\s*"?(\w+)"?\s*[,;\t](.*)$/s.exec(line) ?? [];
    const id = unquoted((rest ?? "").trim());
    if (!KINDS.includes(kind) || id === "")
      return { seeds: [], problem: `Line ${n + 1} is not kind,id with the kind device or account.` };
    seeds.push({ kind, id });
  }
  return { seeds, problem: null };
}

function unquoted(text) {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}
