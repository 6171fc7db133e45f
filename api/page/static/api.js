/** The API as this page uses it: one key, JSON in and out, failures as they are told (RFC 9457). */

/** The API key of this tab. It is kept in sessionStorage, which ends with the tab, and goes into no address, cookie or log. */
export class Session extends EventTarget {
  #storage;

  constructor(storage) {
    super();
    this.#storage = storage;
  }

  /** The key; null where none was given. */
  get key() {
    return this.#storage.getItem("tessera-key");
  }

  /** Use this key from now on. */
  take(key) {
    this.#storage.setItem("tessera-key", key);
    this.dispatchEvent(new Event("change"));
  }

  /** Forget the key. `failure` says why, where the API no longer takes it. */
  forget(failure = null) {
    this.#storage.removeItem("tessera-key");
    this.dispatchEvent(new CustomEvent("change", { detail: failure }));
  }
}

/** What the API refused, or that it does not answer (`status` 0). `waitSeconds` is what it asks to wait, else 0. */
export class Failure extends Error {
  constructor({ status, title, detail, errors = [], requestId = null, waitSeconds = 0 }) {
    super(detail);
    Object.assign(this, { status, title, detail, errors, requestId, waitSeconds });
  }
}

/** An address with its parts written safely: address`/v1/persons/${id}`. */
export function address(texts, ...parts) {
  return texts.reduce((made, text, n) => made + encodeURIComponent(parts[n - 1]) + text);
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** The answer to a GET, with `query` parameters that are not null. Throws Failure. */
  get(path, query = {}, signal = null) {
    const given = Object.entries(query).filter(([, value]) => value !== null);
    const search = given.length ? `?${new URLSearchParams(given)}` : "";
    return this.#json("GET", path + search, undefined, signal);
  }

  /** The answer to a POST, with a body if one is given. Throws Failure. */
  post(path, body, signal = null) {
    return this.#json("POST", path, body, signal);
  }

  /** A DELETE; gives nothing. Throws Failure. */
  async delete(path) {
    await this.#answer("DELETE", path);
  }

  /** All items of a list that is paged by cursor, up to `most`; `whole` says whether these are all. Throws Failure. */
  async all(path, most = 20_000) {
    const items = [];
    for (let cursor = null; ;) {
      const page = await this.get(path, { limit: "1000", cursor });
      items.push(...page.items);
      cursor = page.next_cursor;
      if (cursor === null || items.length >= most) return { items, whole: cursor === null };
    }
  }

  /** A file: its content and name. Throws Failure. */
  async file(path) {
    const answer = await this.#answer("GET", path);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "file";
    return { content: await answer.blob(), name };
  }

  async #json(method, path, body, signal) {
    return (await this.#answer(method, path, body, signal)).json();
  }

  async #answer(method, path, body, signal = null) {
    const { key } = this.#session;
    const headers = { Authorization: `Bearer ${key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      // JSON.stringify leaves undefined as it is: no body.
      answer = await fetch(path, { method, headers, signal, cache: "no-store", body: JSON.stringify(body) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure({
        status: 0,
        title: "No answer",
        detail: "The API does not answer. Is it running, and is the network there?",
      });
    }
    if (answer.ok) return answer;
    const failure = await refusal(answer);
    // An answer to a key that was changed meanwhile says nothing about the one of now.
    if (failure.status === 401 && this.#session.key === key) this.#session.forget(failure);
    throw failure;
  }
}

async function refusal(answer) {
  const told = await answer.json().catch(() => ({}));
  return new Failure({
    status: answer.status,
    title: told.title ?? `Status ${answer.status}`,
    detail: told.detail ?? "The API gave no reason.",
    errors: told.errors ?? [],
    requestId: told.request_id ?? answer.headers.get("x-request-id"),
    waitSeconds: Number(answer.headers.get("retry-after")) || 0,
  });
}
