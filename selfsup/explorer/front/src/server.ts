// Everything that is read or written goes through here: paths relative to the page, so that any folder of any host does.

const TOKEN = "selfsup-token";

/** Something that went wrong, in a sentence for people. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Keeps the token that the program put after "#token=" for this tab, and takes it out of the address bar. */
export function takeToken(): void {
  const found = /^#token=([^&]+)$/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(TOKEN, decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + location.search);
}

export function mayWrite(): boolean {
  return sessionStorage.getItem(TOKEN) !== null;
}

export async function json<T>(path: string): Promise<T> {
  return (await got(path)).json() as Promise<T>;
}

export async function bytes(path: string): Promise<ArrayBuffer> {
  return (await got(path)).arrayBuffer();
}

export function post(path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers["X-Selfsup-Token"] = token;
  return got(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function got(path: string, request?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, request);
  } catch {
    throw new Failure("The server does not answer. Start it again (selfsup task=explore …), then reload this page.", 0);
  }
  if (answer.ok) return answer;
  throw new Failure(await reason(answer, path), answer.status);
}

async function reason(answer: Response, path: string): Promise<string> {
  try {
    const told = (await answer.json()) as { error?: unknown };
    if (typeof told.error === "string") return told.error;
  } catch {
    // a static host answers with a page of its own
  }
  return `${path}: the server answers ${answer.status} ${answer.statusText}`;
}
