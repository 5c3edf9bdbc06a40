// The one place that talks to the server. Every failure is a Problem with words to show.
import { words } from './words';

/** RFC 9457, with Everpost's code, hint and the place in a query that could not be read. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly at: number | null = null,
    readonly len: number | null = null,
  ) {
    super(message);
  }
}

type Params = Record<string, string | number | null | undefined>;

const ROOT = '/api/v1';
let signedOut: () => void = () => {};

/** Calls `then` whenever the server no longer knows the session. */
export function whenSignedOut(then: () => void): void {
  signedOut = then;
}

/** The address of an API resource; parameters without a value are left out. */
export function url(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return ROOT + path + (text ? `?${text}` : '');
}

/** The resource of one message. */
export function messagePath(id: string, rest = ''): string {
  return `/messages/${encodeURIComponent(id)}${rest}`;
}

async function call(method: string, address: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { method, credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, 'E-NETWORK', words.problems.network);
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && !address.endsWith('/session')) signedOut();
  throw problem;
}

async function problemOf(response: Response): Promise<Problem> {
  const { status } = response;
  const body = toRecord(await response.json().catch(() => null));
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : null);
  const number = (name: string) => (typeof body[name] === 'number' ? body[name] : null);
  let message = text('detail') ?? text('title') ?? words.problems.status(status);
  if (status === 429) message = words.problems.tooMany(Number(response.headers.get('retry-after')));
  return new Problem(
    status,
    text('code') ?? `HTTP-${status}`,
    message,
    text('hint'),
    number('at'),
    number('len'),
  );
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads a JSON resource. */
export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await call('GET', url(path, params), signal ? { signal } : {});
  return (await response.json()) as T;
}

/** Sends JSON and reads the answer, if there is one. */
export async function send<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  params: Params = {},
  signal?: AbortSignal,
): Promise<T> {
  const response = await call(method, url(path, params), {
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

/** Reads a resource as text, at most `limit` bytes of it. */
export async function getText(path: string, params: Params, limit: number): Promise<Cut> {
  const response = await call('GET', url(path, params), {});
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), cut: false };
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
    if (bytes >= limit) {
      await reader.cancel();
      return { text, cut: true };
    }
  }
  return { text, cut: false };
}

export interface Cut {
  text: string;
  cut: boolean;
}

/** Sends a file and tells how far it is; `fetch` cannot say that about a request. */
export function upload<T>(
  path: string,
  params: Params,
  file: Blob,
  progress: (sent: number) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url(path, params));
    request.upload.addEventListener('progress', (event) => progress(event.loaded));
    request.addEventListener('error', () =>
      reject(new Problem(0, 'E-NETWORK', words.problems.network)),
    );
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText) as T);
        return;
      }
      const response = new Response(request.responseText, { status: request.status });
      problemOf(response).then(reject, reject);
    });
    request.send(file);
  });
}

/** Whether a request was given up on purpose, so that nothing needs to be said. */
export function aborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** What to show of any failure. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, 'E-CONSOLE', error instanceof Error ? error.message : String(error));
}
