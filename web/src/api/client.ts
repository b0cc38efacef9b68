import createClient, {
  type FetchResponse,
  type MaybeOptionalInit,
  type Middleware,
} from "openapi-fetch";
import type { PathsWithMethod } from "openapi-typescript-helpers";
import { asProblem, Problem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Callback with whether each response accepted the session. */
type Listener = (signedIn: boolean) => void;
const listeners = new Set<Listener>();

export function onAnswer(listener: Listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Cookies are accepted only with a header that forms of other sites cannot send. */
const ours: Middleware = {
  onRequest({ request }) {
    request.headers.set("X-Refity-Client", "web");
    if (request.method !== "GET" && !request.headers.has("Content-Type")) {
      request.headers.set("Content-Type", "application/json");
    }
  },
  onResponse({ request, response }) {
    // A wrong password does not end the session.
    if (request.url.endsWith("/api/auth/login")) return;
    for (const listener of listeners) listener(response.status !== 401);
  },
};

export const api = createClient<paths>({ baseUrl: "" });
api.use(ours);

/** Returns the body of a response. @throws Problem */
export async function answer<T>(
  request: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  let got: Awaited<typeof request>;
  try {
    got = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw asProblem(error);
  }
  const { data, error, response } = got;
  if (response.ok) return data as T;
  const body = error === undefined ? null : JSON.stringify(error);
  throw await Problem.of(
    new Response(body, { status: response.status, headers: response.headers }),
  );
}

export type GetPath = PathsWithMethod<paths, "get">;
export type GetInit<P extends GetPath> = MaybeOptionalInit<paths[P], "get">;
export type Got<P extends GetPath> = NonNullable<
  FetchResponse<NonNullable<paths[P]["get"]>, GetInit<P>, "application/json">["data"]
>;

/** Returns the response of `GET` on a path. @throws Problem */
export function get<P extends GetPath>(path: P, init?: GetInit<P>, signal?: AbortSignal) {
  const request = api.GET(path, { ...init, signal } as never);
  return answer(request as never) as Promise<Got<P>>;
}
